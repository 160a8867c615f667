-- Each limit of connections that applies to this role: what sets it, the limit, sessions that count towards it, and those
-- of them that are of its daemons. Superusers are bound by the first only. Locks nothing.
WITH sessions AS MATERIALIZED (
    SELECT usename = session_user AS is_role,
           datname = current_database() AS is_database,
           datname = current_database() AND application_name LIKE 'lapinq-%' AS is_ours
      FROM pg_stat_activity
     WHERE usesysid IS NOT NULL
       AND datid IS NOT NULL
)
SELECT 'max_connections',
       current_setting('max_connections')::integer - current_setting('superuser_reserved_connections')::integer
       - coalesce(current_setting('reserved_connections', true), '0')::integer,
       count(*),
       count(*) FILTER (WHERE is_ours)
  FROM sessions
 UNION ALL
SELECT 'limit of the database ' || current_database(), d.datconnlimit, s.used, s.ours
  FROM pg_database d
 CROSS JOIN (SELECT count(*) AS used, count(*) FILTER (WHERE is_ours) AS ours FROM sessions WHERE is_database) AS s
 WHERE d.datname = current_database()
   AND d.datconnlimit >= 0
   AND NOT (SELECT rolsuper FROM pg_roles WHERE rolname = session_user)
 UNION ALL
SELECT 'limit of the role ' || r.rolname, r.rolconnlimit, s.used, s.ours
  FROM pg_roles r
 CROSS JOIN (SELECT count(*) AS used, count(*) FILTER (WHERE is_ours) AS ours FROM sessions WHERE is_role) AS s
 WHERE r.rolname = session_user
   AND r.rolconnlimit >= 0
   AND NOT r.rolsuper
