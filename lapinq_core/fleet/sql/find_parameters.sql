-- The parameters and planned retries of a function as a worker reports them that serves the queue, the newest of the living ones.
-- Locks nothing. Reads lapinq_workers whole, which is small, and what the twenty newest have found, in turn.
SELECT found.parameters::text, found.retry_delays::text
  FROM (SELECT registered, started_at
          FROM lapinq_workers
         WHERE dead_at IS NULL
           AND registered IS NOT NULL
           AND (queues IS NULL OR %(queue)s::text = ANY (queues))
         ORDER BY started_at DESC
         LIMIT 20) AS w
 CROSS JOIN LATERAL (
       SELECT task -> 'parameters' AS parameters,
              CASE WHEN jsonb_typeof(task -> 'retry_delays') = 'array' THEN task -> 'retry_delays' END AS retry_delays
         FROM jsonb_array_elements(w.registered) AS task
        WHERE task ->> 'task_name' = %(task_name)s::text
          AND task ->> 'module_path' = %(module_path)s::text
          AND jsonb_typeof(task -> 'parameters') = 'array'
        LIMIT 1) AS found
 ORDER BY w.started_at DESC
 LIMIT 1
