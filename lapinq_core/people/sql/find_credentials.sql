-- What a login is checked against, by name, ignoring case. Locks nothing. Relies on lapinq_users_username.
SELECT id, username, password_hash, has_default_password
  FROM lapinq_users
 WHERE lower(username) = lower(%(username)s::text)
