-- Ends all sessions of a user. Returns the user's name and the ids of the sessions; no row for an unknown user.
-- Locks the rows it deletes. Relies on lapinq_sessions_user_id and lapinq_users_pkey.
-- Notifies every server on the channel lapinq_access, because open pages show what their user may see.
WITH ended AS (
    DELETE FROM lapinq_sessions
     WHERE user_id = %(user_id)s::bigint
    RETURNING id::text AS id, pg_notify('lapinq_access', 'user ' || user_id) AS notified
)
SELECT u.username, ARRAY(SELECT id FROM ended WHERE notified IS NOT NULL ORDER BY id)
  FROM lapinq_users u
 WHERE u.id = %(user_id)s::bigint
