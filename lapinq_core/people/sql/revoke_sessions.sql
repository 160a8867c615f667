-- Ends all sessions of a user but that of a token. Answers their ids.
-- Locks the rows it deletes. Relies on lapinq_sessions_user_id.
-- Tells every server over the channel lapinq_access, for what is open is shown by what they may.
DELETE FROM lapinq_sessions
 WHERE user_id = %(user_id)s::bigint
   AND token_hash <> %(token_hash)s::bytea
RETURNING id::text, pg_notify('lapinq_access', 'user ' || user_id)
