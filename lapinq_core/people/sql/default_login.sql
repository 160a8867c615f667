-- The name of a user whose password is the one that everybody knows. Locks nothing. Scans the users, who are few.
SELECT username
  FROM lapinq_users
 WHERE has_default_password
 ORDER BY id
 LIMIT 1
