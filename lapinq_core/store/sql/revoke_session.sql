-- Ends a session of a user, by its id. Answers a row when there was one. Locks the row. Relies on lapinq_sessions_id_key.
DELETE FROM lapinq_sessions
 WHERE id = %(id)s::uuid
   AND user_id = %(user_id)s::bigint
RETURNING id::text
