-- Ends a session of a user, by its id. Answers a row when there was one. Locks the row. Relies on lapinq_sessions_id_key.
-- Tells every server over the channel lapinq_access, for what is open is shown by what they may.
DELETE FROM lapinq_sessions
 WHERE id = %(id)s::uuid
   AND user_id = %(user_id)s::bigint
RETURNING id::text, pg_notify('lapinq_access', 'user ' || user_id)
