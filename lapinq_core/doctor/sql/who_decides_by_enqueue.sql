-- Users who may answer what tasks ask because they have the permission enqueue on a queue, and not decide; at most twenty, and
-- none while no task has asked. Locks nothing. Scans the users, which are few.
SELECT username
  FROM lapinq_users
 WHERE role <> 'admin'
   AND EXISTS (SELECT FROM lapinq_decisions)
   AND EXISTS (SELECT
                 FROM jsonb_each(permissions) AS p (queue, granted)
                WHERE granted ? 'enqueue'
                  AND NOT granted ? 'decide')
 ORDER BY id
 LIMIT 20
