-- Stores a new schedule; no row if one with that name exists.
-- Locks what it inserts; waits for a transaction that is inserting the same name.
INSERT INTO lapinq_schedules (name, task_name, module_path, queue_name, args, kwargs, cron, every_seconds, timezone,
                              starts_at, ends_at, jitter, misfire, misfire_limit, overlap, max_retries, priority,
                              ttl_seconds, metadata, retry_delay, retry_backoff, webhook_url, timeout_seconds, anchor_at,
                              key, limits, source, next_fire_at, created_at, updated_at, updated_by)
VALUES (%(name)s, %(task_name)s, %(module_path)s, %(queue_name)s, %(args)s::json, %(kwargs)s::json, %(cron)s,
        %(every_seconds)s, %(timezone)s, %(starts_at)s, %(ends_at)s, %(jitter)s, %(misfire)s, %(misfire_limit)s,
        %(overlap)s, %(max_retries)s, %(priority)s, %(ttl_seconds)s, %(metadata)s::jsonb, %(retry_delay)s,
        %(retry_backoff)s, %(webhook_url)s, %(timeout_seconds)s, %(anchor_at)s,
        %(key)s, %(limits)s::jsonb, %(source)s, %(next_fire_at)s,
        lapinq_now(), lapinq_now(), %(by)s)
ON CONFLICT (name) DO NOTHING
RETURNING id
