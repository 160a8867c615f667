-- The profile of a task's latest attempt that has one, of those with the number `attempt` or started at `started_at`: the
-- attempt's number, and the profile as it is stored. No row without one.
-- Locks nothing. Relies on lapinq_attempts_earlier and lapinq_attempts_final.
SELECT attempt, profile
  FROM (SELECT * FROM lapinq_attempts WHERE task_id = %(id)s::uuid AND NOT final
        UNION ALL
        SELECT * FROM lapinq_attempts WHERE task_id = %(id)s::uuid AND final) AS attempts
 WHERE profile IS NOT NULL
   AND (%(attempt)s::integer IS NULL OR attempt = %(attempt)s::integer)
   AND (%(started_at)s::timestamptz IS NULL OR claimed_at = %(started_at)s::timestamptz)
 ORDER BY finished_at DESC
 LIMIT 1
