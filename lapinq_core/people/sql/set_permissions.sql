-- Replaces a user's permissions. Returns the user; no row for an unknown id. Locks the row. Relies on
-- lapinq_users_pkey.
-- Notifies every server on the channel lapinq_access, because open pages show what their user may see.
UPDATE lapinq_users
   SET permissions = %(permissions)s::jsonb
 WHERE id = %(id)s::bigint
RETURNING id, username, role, permissions::text, has_default_password, created_at,
          pg_notify('lapinq_access', 'user ' || id)
