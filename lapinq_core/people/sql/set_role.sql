-- Makes somebody an admin or a user. Returns the user; no row for an unknown id.
-- Locks the row, after those of all admins (lock_admins). Relies on lapinq_users_pkey.
-- Notifies every server on the channel lapinq_access, because open pages show what their user may see.
UPDATE lapinq_users
   SET role = %(role)s::text
 WHERE id = %(id)s::bigint
RETURNING id, username, role, permissions::text, reads, has_default_password, created_at,
          pg_notify('lapinq_access', 'user ' || id)
