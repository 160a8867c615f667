-- Schedules with a due tick, the longest overdue first, after (`after_at`, `after_id`); and the time.
-- Locks nothing: the primary key of lapinq_ticks decides who handles a tick. Relies on lapinq_schedules_next_fire_at.
SELECT id, version, name, task_name, module_path, queue_name, args, kwargs, cron, every_seconds, timezone, starts_at,
       ends_at, jitter, misfire, misfire_limit, overlap, max_retries, priority, ttl_seconds, metadata, retry_delay,
       retry_backoff, webhook_url, timeout_seconds, key, limits, anchor_at, paused_at, paused_by, pause_reason, source, next_fire_at,
       created_at, updated_at, updated_by, lapinq_now() AS now
  FROM lapinq_schedules
 WHERE next_fire_at <= lapinq_now()
   AND (next_fire_at, id) > (%(after_at)s::timestamptz, %(after_id)s::bigint)
 ORDER BY next_fire_at, id
 LIMIT %(limit)s::integer
