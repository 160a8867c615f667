-- A session that is neither idle for too long nor too old, with its user as they are now; is_stale says that its last
-- use should be recorded. Locks nothing. Relies on lapinq_sessions_pkey and lapinq_users_pkey.
SELECT s.id::text, u.id, u.username, u.role, u.permissions::text, u.has_default_password,
       (SELECT d.username FROM lapinq_users d WHERE d.has_default_password ORDER BY d.id LIMIT 1),
       s.seen_at < lapinq_now() - make_interval(secs => %(touch)s::float8)
  FROM lapinq_sessions s
  JOIN lapinq_users u ON u.id = s.user_id
 WHERE s.token_hash = %(token_hash)s::bytea
   AND s.seen_at > lapinq_now() - make_interval(secs => %(idle)s::float8)
   AND s.created_at > lapinq_now() - make_interval(secs => %(absolute)s::float8)
