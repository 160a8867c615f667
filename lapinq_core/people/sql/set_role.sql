-- Makes somebody an admin or a user. Answers them; no row for an unknown id.
-- Locks the row, after those of all admins (lock_admins). Relies on lapinq_users_pkey.
-- Tells every server over the channel lapinq_access, for what is open is shown by what they may.
UPDATE lapinq_users
   SET role = %(role)s::text
 WHERE id = %(id)s::bigint
RETURNING id, username, role, permissions::text, has_default_password, created_at,
          pg_notify('lapinq_access', 'user ' || id)
