-- All admins, who stay admins until the end of the transaction. Locks their rows by ascending id, so that of two
-- transactions that would remove the last two admins the second waits and sees what the first did.
-- Scans the users, which are few.
SELECT id
  FROM lapinq_users
 WHERE role = 'admin'
 ORDER BY id
   FOR UPDATE
