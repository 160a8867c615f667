-- Shares a view, or no longer: one of the user's own, or one that is shared. No row if there is none.
-- Locks its row. Relies on lapinq_views_pkey.
UPDATE lapinq_views
   SET is_shared = %(is_shared)s::boolean
 WHERE id = %(id)s::bigint
   AND (owner_id = %(user_id)s::bigint OR is_shared)
RETURNING name
