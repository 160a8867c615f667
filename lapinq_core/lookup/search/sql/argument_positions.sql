-- At which position functions take the parameters `names`, as living workers report their functions: a JSON object by
-- parameter, then by task name. Where two releases differ, the one that started last counts.
-- Workers with the same code report the same: they are told apart by its size, which takes no look at it. Looks at what a
-- hundred of them report. Locks nothing. Reads lapinq_workers whole, without what they report.
WITH reports AS MATERIALIZED (
    SELECT id, started_at
      FROM (SELECT DISTINCT ON (release, pg_column_size(registered)) id, started_at
              FROM lapinq_workers
             WHERE dead_at IS NULL
               AND registered IS NOT NULL
             ORDER BY release, pg_column_size(registered), started_at DESC) AS alike
     ORDER BY started_at DESC
     LIMIT 100
)
SELECT coalesce(json_object_agg(name, at), '{}')::text
  FROM (SELECT name, json_object_agg(task_name, position) AS at
          FROM (SELECT DISTINCT ON (name, task_name)
                       parameter ->> 'name' AS name, task ->> 'task_name' AS task_name, nth - 1 AS position
                  FROM reports
                  JOIN lapinq_workers w USING (id)
                 CROSS JOIN jsonb_array_elements(w.registered) AS task
                 CROSS JOIN jsonb_array_elements(task -> 'parameters') WITH ORDINALITY AS given (parameter, nth)
                 WHERE jsonb_typeof(task -> 'parameters') = 'array'
                   AND parameter ->> 'given' IN ('position', 'either')
                   AND parameter ->> 'name' = ANY (%(names)s::text[])
                 ORDER BY name, task_name, reports.started_at DESC) AS latest
         GROUP BY name) AS positions
