-- What a text may mean, for a search of everything: at most `limit` queues, task functions, schedules, workers and groups
-- of errors whose names contain it, ignoring case, and the newest tasks with ids from `first` to `last`. Names that
-- begin with it come first. `state` is paused or dead, or that of a group of errors; NULL says nothing. `at` is when a task
-- was enqueued, a group failed last. With `queues` only of these, by the queue that a function's workers name, and no workers, which
-- belong to no queue.
-- Locks nothing. Reads lapinq_counts, lapinq_queues, lapinq_workers, lapinq_schedules and lapinq_error_groups whole,
-- which are small or bounded, and lapinq_tasks by its primary key.
WITH wanted AS MATERIALIZED (SELECT lower(%(text)s::text) AS text)
(SELECT 'task' AS kind, id::text AS key, task_name AS label, queue_name AS detail, NULL AS state, created_at AS at
   FROM lapinq_tasks
  WHERE id BETWEEN %(first)s::uuid AND %(last)s::uuid
    AND (%(queues)s::text[] IS NULL OR queue_name = ANY (%(queues)s::text[]))
  ORDER BY id DESC
  LIMIT %(limit)s::integer)
UNION ALL
(SELECT 'queue', name, name, NULL, CASE WHEN paused_at IS NOT NULL THEN 'paused' END, NULL
   FROM (SELECT queue_name AS name FROM lapinq_counts UNION SELECT name FROM lapinq_queues) AS queues
   LEFT JOIN lapinq_queues USING (name)
  CROSS JOIN wanted
  WHERE strpos(lower(name), wanted.text) > 0
    AND (%(queues)s::text[] IS NULL OR name = ANY (%(queues)s::text[]))
  ORDER BY strpos(lower(name), wanted.text) > 1, length(name), name
  LIMIT %(limit)s::integer)
UNION ALL
(SELECT 'function', name, name, module, NULL, NULL
   FROM (SELECT task ->> 'task_name' AS name, min(task ->> 'module_path') AS module
           FROM lapinq_workers
          CROSS JOIN jsonb_array_elements(registered) AS task
          WHERE dead_at IS NULL
            AND (%(queues)s::text[] IS NULL OR task ->> 'queue_name' = ANY (%(queues)s::text[]))
          GROUP BY 1) AS functions, wanted
  WHERE strpos(lower(name), wanted.text) > 0
  ORDER BY strpos(lower(name), wanted.text) > 1, length(name), name
  LIMIT %(limit)s::integer)
UNION ALL
(SELECT 'schedule', name, name, task_name, CASE WHEN paused_at IS NOT NULL THEN 'paused' END, NULL
   FROM lapinq_schedules, wanted
  WHERE strpos(lower(name), wanted.text) > 0
    AND (%(queues)s::text[] IS NULL OR queue_name = ANY (%(queues)s::text[]))
  ORDER BY strpos(lower(name), wanted.text) > 1, length(name), name
  LIMIT %(limit)s::integer)
UNION ALL
(SELECT 'worker', id::text, name, hostname, CASE WHEN dead_at IS NOT NULL THEN 'dead' END, NULL
   FROM lapinq_workers, wanted
  WHERE (strpos(lower(name), wanted.text) > 0 OR id BETWEEN %(first)s::uuid AND %(last)s::uuid)
    AND %(queues)s::text[] IS NULL
  ORDER BY dead_at IS NOT NULL, name
  LIMIT %(limit)s::integer)
UNION ALL
(SELECT 'error', id::text, kind, task_name, state, last_at
   FROM lapinq_error_groups, wanted
  WHERE (strpos(lower(kind), wanted.text) > 0 OR strpos(lower(task_name), wanted.text) > 0)
    AND (%(queues)s::text[] IS NULL OR queue_name = ANY (%(queues)s::text[]))
  ORDER BY last_at DESC
  LIMIT %(limit)s::integer)
