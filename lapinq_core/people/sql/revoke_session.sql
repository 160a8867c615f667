-- Ends a session of a user, by its id. Returns a row if there was one. Locks the row. Relies on
-- lapinq_sessions_id_key.
-- Notifies every server on the channel lapinq_access, because open pages show what their user may see.
DELETE FROM lapinq_sessions
 WHERE id = %(id)s::uuid
   AND user_id = %(user_id)s::bigint
RETURNING id::text, pg_notify('lapinq_access', 'user ' || user_id)
