-- The profile of a task's latest attempt that has one, or of the latest with the number `attempt` that has one: the
-- attempt's number, and the profile as it is stored. No row without one.
-- Locks nothing. Relies on lapinq_attempts_earlier and lapinq_attempts_final.
SELECT attempt, profile
  FROM (SELECT attempt, profile, finished_at FROM lapinq_attempts WHERE task_id = %(id)s::uuid AND NOT final
        UNION ALL
        SELECT attempt, profile, finished_at FROM lapinq_attempts WHERE task_id = %(id)s::uuid AND final) AS attempts
 WHERE profile IS NOT NULL
   AND (%(attempt)s::integer IS NULL OR attempt = %(attempt)s::integer)
 ORDER BY finished_at DESC
 LIMIT 1
