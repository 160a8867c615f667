-- Takes a user away, and with them their sessions. Answers them; no row for an unknown id.
-- Locks the row, after those of all admins (lock_admins), then the sessions. Relies on lapinq_users_pkey and
-- lapinq_sessions_user_id.
-- Tells every server over the channel lapinq_access, for what is open is shown by what they may.
DELETE FROM lapinq_users
 WHERE id = %(id)s::bigint
RETURNING id, username, role, permissions::text, has_default_password, created_at,
          pg_notify('lapinq_access', 'user ' || id)
