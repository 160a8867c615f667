-- Schedules by name, after `after`, at most `limit`. A filter that is NULL matches everything.
-- Locks nothing. Relies on lapinq_schedules_name_key.
SELECT id, version, name, task_name, module_path, queue_name, args, kwargs, cron, every_seconds, timezone, starts_at,
       ends_at, jitter, misfire, misfire_limit, overlap, max_retries, priority, ttl_seconds, metadata, retry_delay,
       retry_backoff, webhook_url, timeout_seconds, key, limits, anchor_at, paused_at, paused_by, pause_reason, source, next_fire_at,
       created_at, updated_at, updated_by
  FROM lapinq_schedules
 WHERE (%(name)s::text IS NULL OR name = %(name)s::text)
   AND (%(after)s::text IS NULL OR name > %(after)s::text)
   AND (%(queue)s::text IS NULL OR queue_name = %(queue)s::text)
   AND (%(queues)s::text[] IS NULL OR queue_name = ANY (%(queues)s::text[]))
   AND (%(source)s::text IS NULL OR source = %(source)s::text)
   AND (%(part)s::text IS NULL OR strpos(lower(name || ' ' || task_name), lower(%(part)s::text)) > 0)
   AND (%(state)s::text IS NULL
        OR %(state)s::text = CASE WHEN paused_at IS NOT NULL THEN 'paused'
                                  WHEN next_fire_at IS NULL THEN 'ended'
                                  ELSE 'active' END)
 ORDER BY name
 LIMIT %(limit)s::integer
