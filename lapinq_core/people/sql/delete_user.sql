-- Deletes a user, their sessions and their API keys. Returns the user; no row for an unknown id.
-- Locks the row, after those of all admins (lock_admins), then the sessions and the keys. Relies on lapinq_users_pkey and
-- lapinq_sessions_user_id.
-- Notifies every server on the channel lapinq_access, because open pages show what their user may see.
DELETE FROM lapinq_users
 WHERE id = %(id)s::bigint
RETURNING id, username, role, permissions::text, reads, has_default_password, created_at,
          pg_notify('lapinq_access', 'user ' || id)
