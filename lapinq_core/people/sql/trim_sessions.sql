-- Ends all but the `most` newest sessions of a user. Locks the rows it deletes. Relies on lapinq_sessions_user_id.
DELETE FROM lapinq_sessions
 WHERE token_hash IN (
       SELECT token_hash
         FROM lapinq_sessions
        WHERE user_id = %(user_id)s::bigint
        ORDER BY created_at DESC, id
       OFFSET %(most)s::integer)
