-- How the task `child` ended, and its result or error; `deleted` if there is no such task. No row while it has not ended.
-- Relies on lapinq_attempts_final and lapinq_tasks_pkey.
CREATE FUNCTION lapinq_child_outcome_1(child uuid) RETURNS TABLE (outcome text, result text)
LANGUAGE sql STABLE AS $function$
SELECT a.outcome, CASE WHEN a.outcome = 'completed' THEN a.result ELSE to_json(a.error)::text END
  FROM lapinq_attempts a
 WHERE a.task_id = child
   AND a.final
 UNION ALL
SELECT 'deleted', NULL
 WHERE NOT EXISTS (SELECT FROM lapinq_tasks t WHERE t.id = child)
 LIMIT 1
$function$;
