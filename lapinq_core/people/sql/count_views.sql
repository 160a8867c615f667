-- How many views a user has saved. Locks the user's row, so that one transaction at a time adds a view to them.
-- Relies on lapinq_users_pkey and lapinq_views_name_key.
WITH owner AS (
    SELECT id FROM lapinq_users WHERE id = %(owner_id)s::bigint FOR NO KEY UPDATE
)
SELECT (SELECT count(*) FROM lapinq_views v WHERE v.owner_id = owner.id) FROM owner
