-- Replaces what a user may do. Answers them; no row for an unknown id. Locks the row. Relies on lapinq_users_pkey.
UPDATE lapinq_users
   SET permissions = %(permissions)s::jsonb
 WHERE id = %(id)s::bigint
RETURNING id, username, role, permissions::text, has_default_password, created_at
