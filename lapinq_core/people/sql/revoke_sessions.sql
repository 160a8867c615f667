-- Ends all sessions of a user except that of a token. Returns their ids.
-- Locks the rows it deletes. Relies on lapinq_sessions_user_id.
-- Notifies every server on the channel lapinq_access, because open pages show what their user may see.
DELETE FROM lapinq_sessions
 WHERE user_id = %(user_id)s::bigint
   AND token_hash <> %(token_hash)s::bytea
RETURNING id::text, pg_notify('lapinq_access', 'user ' || user_id)
