-- What a task was enqueued with, as the JSON object of a request to enqueue it again; without the time it was due. If it has a unique
-- key, the new task is rejected while a task holds that.
-- Locks nothing. Relies on lapinq_tasks_pkey.
SELECT row_to_json(t)::text
  FROM (SELECT task_name, module_path, queue_name, args, kwargs, max_retries, priority, ttl_seconds, metadata,
               retry_delay, retry_backoff, webhook_url, timeout_seconds, key, limits,
               CASE WHEN unique_key IS NOT NULL
                    THEN json_build_object('key', unique_key,
                                           'until', CASE WHEN unique_until IN ('started', 'finished')
                                                         THEN to_json(unique_until)
                                                         ELSE to_json(unique_until::double precision) END,
                                           'on_conflict', 'reject')
               END AS "unique"
          FROM lapinq_tasks
         WHERE id = %(id)s::uuid) AS t
