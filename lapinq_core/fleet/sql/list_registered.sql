-- The tasks that living workers have found in their modules, as one JSON array by module and name, each with the names
-- of its workers. A task that workers know with different options or parameters, as during a deployment, is listed once
-- for each.
-- Locks nothing. Reads lapinq_workers whole.
SELECT coalesce(json_agg(o ORDER BY o.module_path, o.task_name), '[]')::text
  FROM (SELECT task ->> 'task_name' AS task_name,
               task ->> 'module_path' AS module_path,
               task ->> 'queue_name' AS queue_name,
               task -> 'options' AS options,
               task -> 'parameters' AS parameters,
               json_agg(w.name ORDER BY w.name) AS workers
          FROM lapinq_workers w
         CROSS JOIN jsonb_array_elements(w.registered) AS task
         WHERE w.dead_at IS NULL
         GROUP BY task) AS o
