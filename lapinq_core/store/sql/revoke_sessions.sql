-- Ends all sessions of a user but that of a token. Answers their ids.
-- Locks the rows it deletes. Relies on lapinq_sessions_user_id.
DELETE FROM lapinq_sessions
 WHERE user_id = %(user_id)s::bigint
   AND token_hash <> %(token_hash)s::bytea
RETURNING id::text
