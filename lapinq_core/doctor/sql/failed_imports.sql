-- Functions that workers could not import, or may not call, in the last `recent` seconds, by the latest attempts of tasks: module, name,
-- tasks that failed for good, tasks that will be retried, the error's first line. From the newest 500 failed tasks and the
-- 500 delayed ones that are due first. The most first, at most ten. The names of the errors are those that importing.py
-- and Python raise.
-- Locks nothing. Relies on lapinq_attempts_unsuccessful, lapinq_delayed_due_at, lapinq_attempts_earlier and
-- lapinq_tasks_pkey.
WITH failed AS MATERIALIZED (
    SELECT task_id, error, finished_at
      FROM lapinq_attempts
     WHERE final
       AND outcome = 'failed'
     ORDER BY task_id DESC
     LIMIT 500
), delayed AS MATERIALIZED (
    SELECT id, starts
      FROM lapinq_delayed
     ORDER BY due_at
     LIMIT 500
), latest AS (
    SELECT task_id, true AS is_final, error, finished_at
      FROM failed
     UNION ALL
    SELECT d.id, false, a.error, a.finished_at
      FROM delayed d
     CROSS JOIN LATERAL (
           SELECT error, finished_at
             FROM lapinq_attempts
            WHERE task_id = d.id
              AND NOT final
            ORDER BY finished_at DESC
            LIMIT 1) AS a
     WHERE d.starts > 0
)
SELECT t.module_path,
       t.task_name,
       count(*) FILTER (WHERE l.is_final),
       count(*) FILTER (WHERE NOT l.is_final),
       max(split_part(l.error, chr(10), 1))
  FROM latest l
 CROSS JOIN LATERAL (SELECT module_path, task_name FROM lapinq_tasks WHERE id = l.task_id LIMIT 1) AS t
 WHERE l.finished_at > lapinq_now() - %(recent)s::float8 * interval '1 second'
   AND l.error ~ '^(TaskNotFound|TaskNotAllowed|ModuleNotFoundError|ImportError)(:|$)'
 GROUP BY t.module_path, t.task_name
 ORDER BY count(*) DESC, t.module_path, t.task_name
 LIMIT 10
