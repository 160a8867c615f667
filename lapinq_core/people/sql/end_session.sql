-- Ends the session of a token. Answers its id, its user's and the name; no row where there is none.
-- Locks the row. Relies on lapinq_sessions_pkey.
-- Tells every server over the channel lapinq_access, for what is open is shown by what they may.
DELETE FROM lapinq_sessions s
 USING lapinq_users u
 WHERE s.token_hash = %(token_hash)s::bytea
   AND u.id = s.user_id
RETURNING s.id::text, u.id, u.username, pg_notify('lapinq_access', 'user ' || u.id)
