-- The tasks that living workers have found in their modules, as one JSON array by module and name, each with the names
-- of its workers; with `queues` of those that serve any of them. A task that workers know with different options or parameters, as during a deployment, is listed once
-- for each.
-- Workers of one release have found the same: that is split into tasks once for all of them. Locks nothing. Reads
-- lapinq_workers whole.
WITH releases AS MATERIALIZED (
    SELECT registered,
           coalesce(json_agg(name)
                    FILTER (WHERE %(queues)s::text[] IS NULL OR queues IS NULL OR queues && %(queues)s::text[]), '[]')
               AS names
      FROM lapinq_workers
     WHERE dead_at IS NULL
       AND registered IS NOT NULL
     GROUP BY registered
), tasks AS MATERIALIZED (
    SELECT task, json_agg(r.names) AS names
      FROM releases r
     CROSS JOIN jsonb_array_elements(r.registered) AS task
     GROUP BY task
)
SELECT coalesce(json_agg(o ORDER BY o.module_path, o.task_name, o.options, o.parameters, o.version), '[]')::text
  FROM (SELECT task ->> 'task_name' AS task_name,
               task ->> 'module_path' AS module_path,
               task ->> 'queue_name' AS queue_name,
               task -> 'options' AS options,
               task -> 'parameters' AS parameters,
               task ->> 'version' AS version,
               task -> 'retry_delays' AS retry_delays,
               (SELECT coalesce(json_agg(name ORDER BY name), '[]')
                  FROM json_array_elements(t.names) AS part
                 CROSS JOIN json_array_elements_text(part) AS name) AS workers
          FROM tasks t) AS o
