-- Creates a session if the user still has the password that was checked. Returns its id; no row if the user is gone or
-- the password has changed, which ended all sessions, this one included.
-- Locks the user's row in share mode. Relies on lapinq_users_pkey.
INSERT INTO lapinq_sessions (token_hash, user_id, address, user_agent, created_at, seen_at)
SELECT %(token_hash)s::bytea, u.id, %(address)s::text, %(user_agent)s::text, lapinq_now(), lapinq_now()
  FROM lapinq_users u
 WHERE u.id = %(user_id)s::bigint
   AND u.password_hash = %(password_hash)s::text
   FOR SHARE OF u
RETURNING id::text
