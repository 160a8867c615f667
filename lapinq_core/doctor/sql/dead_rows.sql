-- Tables of lapinq with more than `many` dead rows, more than half as many as live ones, that were not vacuumed in the
-- last `seconds`: name, dead rows, live rows, seconds since the last vacuum. The worst first, at most ten.
-- Locks nothing. Reads statistics.
SELECT s.relname::text,
       s.n_dead_tup,
       s.n_live_tup,
       extract(epoch FROM now() - greatest(s.last_vacuum, s.last_autovacuum))::float8
  FROM pg_stat_user_tables s
  JOIN pg_class c ON c.oid = s.relid
 WHERE c.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'lapinq_schema_version'::regclass)
   AND s.relname LIKE 'lapinq\_%%'
   AND s.n_dead_tup > %(many)s::bigint
   AND s.n_dead_tup > s.n_live_tup / 2
   AND coalesce(greatest(s.last_vacuum, s.last_autovacuum), '-infinity')
       < now() - %(seconds)s::float8 * interval '1 second'
 ORDER BY s.n_dead_tup DESC
 LIMIT 10
