-- The tasks of a name that living workers have found in their modules, as list_registered.sql tells.
-- Locks nothing. Reads lapinq_workers whole, and of what workers found, sorts only the tasks of this name.
SELECT coalesce(json_agg(o ORDER BY o.module_path, o.options, o.parameters, o.version), '[]')::text
  FROM (SELECT task ->> 'task_name' AS task_name,
               task ->> 'module_path' AS module_path,
               task ->> 'queue_name' AS queue_name,
               task -> 'options' AS options,
               task -> 'parameters' AS parameters,
               task ->> 'version' AS version,
               task -> 'retry_delays' AS retry_delays,
               coalesce(json_agg(w.name ORDER BY w.name)
                        FILTER (WHERE %(queues)s::text[] IS NULL OR w.queues IS NULL OR w.queues && %(queues)s::text[]), '[]')
                   AS workers
          FROM lapinq_workers w
         CROSS JOIN jsonb_array_elements(w.registered) AS task
         WHERE w.dead_at IS NULL
           AND task ->> 'task_name' = %(task_name)s::text
         GROUP BY task) AS o
