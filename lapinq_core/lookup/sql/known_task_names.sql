-- The names of tasks that living workers have found in their modules, that a schedule enqueues, that have a circuit breaker or
-- a group of errors, by name. With `among`, only those of these names, and then also names of tasks that figures tell of.
-- Locks nothing. Reads lapinq_workers, lapinq_schedules, lapinq_circuit_breakers and lapinq_error_groups whole, which are small or
-- bounded. Relies on lapinq_task_rollups_task.
SELECT name
  FROM (SELECT task ->> 'task_name' AS name
          FROM lapinq_workers w
         CROSS JOIN jsonb_array_elements(w.registered) AS task
         WHERE w.dead_at IS NULL
        UNION
        SELECT task_name FROM lapinq_schedules
        UNION
        SELECT name FROM lapinq_circuit_breakers WHERE kind = 'task'
        UNION
        SELECT task_name FROM lapinq_error_groups
        UNION
        SELECT asked
          FROM unnest(%(among)s::text[]) AS asked
         WHERE EXISTS (SELECT FROM lapinq_task_rollups r WHERE r.task_name = asked)) AS found
 WHERE name IS NOT NULL
   AND (%(among)s::text[] IS NULL OR name = ANY (%(among)s::text[]))
 ORDER BY name
 LIMIT greatest(0, %(limit)s::integer)
