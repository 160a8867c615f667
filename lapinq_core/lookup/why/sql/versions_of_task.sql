-- The version of a task's steps, with each living worker of its queue that is known to have its function, and the version of that; with
-- one row without a worker if there is none. No row for a task without steps.
-- Locks nothing. Relies on lapinq_steps_pkey. Reads lapinq_workers whole, which is small.
WITH needed AS MATERIALIZED (
    SELECT version
      FROM lapinq_steps
     WHERE task_id = %(id)s::uuid
       AND kind IN ('step', 'sleep', 'signal', 'task', 'spawn')
     ORDER BY started_at, name, occurrence
     LIMIT 1
)
SELECT n.version, w.name, w.version
  FROM needed n
  LEFT JOIN (SELECT k.name, task ->> 'version' AS version
               FROM lapinq_workers k
              CROSS JOIN jsonb_array_elements(k.registered) AS task
              WHERE k.dead_at IS NULL
                AND k.beat_at >= lapinq_now() - k.lease_seconds * interval '1 second'
                AND (k.queues IS NULL OR %(queue)s::text = ANY (k.queues))
                AND task ->> 'task_name' = %(task_name)s::text
                AND task ->> 'module_path' = %(module_path)s::text) AS w ON true
 ORDER BY w.name, w.version
