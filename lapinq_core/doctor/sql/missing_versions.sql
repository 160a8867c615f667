-- Versions of functions that durable tasks need and no living worker has, though some has the function: module, name, version, tasks.
-- From the 500 delayed tasks that are due first, and the 500 that have waited longest for a signal. The most first, at most ten.
-- Locks nothing. Relies on lapinq_delayed_due_at, lapinq_steps_waiting, lapinq_steps_pkey and lapinq_tasks_pkey. Reads lapinq_workers
-- whole, which is small.
WITH chosen AS MATERIALIZED (
    SELECT id FROM (SELECT id FROM lapinq_delayed ORDER BY due_at LIMIT 500) AS due
     UNION
    SELECT d.id
      FROM (SELECT task_id
              FROM lapinq_steps
             WHERE kind = 'signal'
               AND ended_at IS NULL
             ORDER BY started_at, task_id
             LIMIT 500) AS s
      JOIN lapinq_delayed d ON d.id = s.task_id
), needed AS MATERIALIZED (
    SELECT t.module_path, t.task_name, s.version, count(*) AS tasks
      FROM chosen c
     CROSS JOIN LATERAL (
           SELECT version
             FROM lapinq_steps
            WHERE task_id = c.id
              AND kind IN ('step', 'sleep', 'signal', 'task', 'spawn')
            LIMIT 1) AS s
     CROSS JOIN LATERAL (SELECT module_path, task_name FROM lapinq_tasks WHERE id = c.id LIMIT 1) AS t
     GROUP BY t.module_path, t.task_name, s.version
), known AS MATERIALIZED (
    SELECT DISTINCT task ->> 'module_path' AS module_path, task ->> 'task_name' AS task_name, task ->> 'version' AS version
      FROM lapinq_workers w
     CROSS JOIN jsonb_array_elements(w.registered) AS task
     WHERE w.dead_at IS NULL
       AND w.beat_at >= lapinq_now() - w.lease_seconds * interval '1 second'
)
SELECT n.module_path, n.task_name, n.version, n.tasks
  FROM needed n
  JOIN known k ON k.module_path = n.module_path
              AND k.task_name = n.task_name
 GROUP BY n.module_path, n.task_name, n.version, n.tasks
HAVING NOT bool_or(k.version IS NOT DISTINCT FROM n.version)
 ORDER BY n.tasks DESC, n.module_path, n.task_name
 LIMIT 10
