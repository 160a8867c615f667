-- What an attempt of a task logged, and whether it is running; found by when it was claimed, for numbers repeat.
-- No row if there is no such attempt.
-- Locks nothing. Relies on lapinq_attempts_earlier, lapinq_attempts_final and the primary key of lapinq_running.
SELECT logs, true
  FROM lapinq_running
 WHERE id = %(id)s::uuid
   AND claimed_at = %(claimed_at)s::timestamptz
UNION ALL
SELECT logs, false
  FROM lapinq_attempts
 WHERE task_id = %(id)s::uuid
   AND NOT final
   AND claimed_at = %(claimed_at)s::timestamptz
UNION ALL
SELECT logs, false
  FROM lapinq_attempts
 WHERE task_id = %(id)s::uuid
   AND final
   AND claimed_at = %(claimed_at)s::timestamptz
 LIMIT 1
