-- Ends the session of a token. Returns its id, its user's id and name; no row if there is none.
-- Locks the row. Relies on lapinq_sessions_pkey.
-- Notifies every server on the channel lapinq_access, because open pages show what their user may see.
DELETE FROM lapinq_sessions s
 USING lapinq_users u
 WHERE s.token_hash = %(token_hash)s::bytea
   AND u.id = s.user_id
RETURNING s.id::text, u.id, u.username, pg_notify('lapinq_access', 'user ' || u.id)
