-- Deletes the one-time links of a user that were not used yet. Returns a row for each.
-- Locks the rows it deletes: before the user's sessions, as who uses a link does. Relies on lapinq_invitations_user_id.
DELETE FROM lapinq_invitations
 WHERE user_id = %(user_id)s::bigint
   AND used_at IS NULL
RETURNING user_id
