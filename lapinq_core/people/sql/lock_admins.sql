-- All admins, who stay admins until the end of the transaction. Locks their rows in ascending order of ids, so that of
-- two who would take away the last two the second waits and sees what the first did.
-- Scans the users, who are few.
SELECT id
  FROM lapinq_users
 WHERE role = 'admin'
 ORDER BY id
   FOR UPDATE
