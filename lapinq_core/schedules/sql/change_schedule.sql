-- Updates a schedule, if it still has the version that the change is based on; no row if it has another.
-- Locks its row. Relies on lapinq_schedules_pkey.
UPDATE lapinq_schedules
   SET task_name = %(task_name)s, module_path = %(module_path)s, queue_name = %(queue_name)s, args = %(args)s::json,
       kwargs = %(kwargs)s::json, cron = %(cron)s, every_seconds = %(every_seconds)s, timezone = %(timezone)s,
       starts_at = %(starts_at)s, ends_at = %(ends_at)s, jitter = %(jitter)s, misfire = %(misfire)s,
       misfire_limit = %(misfire_limit)s, overlap = %(overlap)s, max_retries = %(max_retries)s, priority = %(priority)s,
       ttl_seconds = %(ttl_seconds)s, metadata = %(metadata)s::jsonb, retry_delay = %(retry_delay)s,
       retry_backoff = %(retry_backoff)s, webhook_url = %(webhook_url)s, timeout_seconds = %(timeout_seconds)s,
       key = %(key)s, limits = %(limits)s::jsonb, anchor_at = %(anchor_at)s, source = %(source)s,
       next_fire_at = %(next_fire_at)s, updated_at = lapinq_now(), updated_by = %(by)s, version = version + 1
 WHERE id = %(id)s::bigint AND version = %(version)s::integer
RETURNING id
