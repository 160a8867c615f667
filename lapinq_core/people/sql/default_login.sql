-- The name of a user who still has the default password. Locks nothing. Scans the users, which are few.
SELECT username
  FROM lapinq_users
 WHERE has_default_password
 ORDER BY id
 LIMIT 1
