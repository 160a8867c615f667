-- A user's valid sessions, the last used first. Locks nothing. Relies on lapinq_sessions_user_id.
SELECT id::text, created_at, seen_at, address, user_agent, token_hash = %(token_hash)s::bytea
  FROM lapinq_sessions
 WHERE user_id = %(user_id)s::bigint
   AND seen_at > lapinq_now() - make_interval(secs => %(idle)s::float8)
   AND created_at > lapinq_now() - make_interval(secs => %(absolute)s::float8)
 ORDER BY seen_at DESC, id
