-- Deletes a view: one of the user's own, for an admin also one that is shared. No row if there is none.
-- Locks its row. Relies on lapinq_views_pkey.
DELETE FROM lapinq_views
 WHERE id = %(id)s::bigint
   AND (owner_id = %(user_id)s::bigint OR (%(is_admin)s::boolean AND is_shared))
RETURNING name, is_shared
