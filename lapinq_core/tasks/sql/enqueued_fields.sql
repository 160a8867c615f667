-- What a task was enqueued with, as the JSON object of a request to enqueue it again; without the time it was due.
-- Locks nothing. Relies on lapinq_tasks_pkey.
SELECT row_to_json(t)::text
  FROM (SELECT task_name, module_path, queue_name, args, kwargs, max_retries, priority, ttl_seconds, metadata,
               retry_delay, retry_backoff, webhook_url, timeout_seconds, key, limits
          FROM lapinq_tasks
         WHERE id = %(id)s::uuid) AS t
