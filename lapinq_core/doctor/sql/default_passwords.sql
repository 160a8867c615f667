-- The users who still have the default password, at most twenty. Locks nothing. Scans the users, which are few.
SELECT username
  FROM lapinq_users
 WHERE has_default_password
 ORDER BY id
 LIMIT 20
