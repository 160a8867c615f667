-- A session for whoever still has the password that was looked at. Answers its id; no row when they are gone or their
-- password was changed meanwhile, which ended all sessions: this one must not be an exception.
-- Locks the user's row in share mode. Relies on lapinq_users_pkey.
INSERT INTO lapinq_sessions (token_hash, user_id, address, user_agent, created_at, seen_at)
SELECT %(token_hash)s::bytea, u.id, %(address)s::text, %(user_agent)s::text, lapinq_now(), lapinq_now()
  FROM lapinq_users u
 WHERE u.id = %(user_id)s::bigint
   AND u.password_hash = %(password_hash)s::text
   FOR SHARE OF u
RETURNING id::text
