-- All users by name. Locks nothing. Relies on lapinq_users_username.
SELECT id, username, role, permissions::text, has_default_password, created_at
  FROM lapinq_users
 ORDER BY lower(username)
