-- Schedules with a held tick whose previous run has ended, with the planned time of that tick; at most `limit`.
-- Locks nothing. Relies on lapinq_ticks_held.
SELECT s.id, version, name, task_name, module_path, queue_name, args, kwargs, cron, every_seconds, timezone, starts_at,
       ends_at, jitter, misfire, misfire_limit, overlap, max_retries, priority, ttl_seconds, metadata, retry_delay,
       retry_backoff, webhook_url, timeout_seconds, key, limits, anchor_at, paused_at, paused_by, pause_reason, source, next_fire_at,
       created_at, updated_at, updated_by, t.fire_at
  FROM lapinq_ticks t
  JOIN lapinq_schedules s ON s.id = t.schedule_id
 WHERE t.outcome = 'held'
   AND NOT EXISTS (
       SELECT
         FROM lapinq_schedule_slots slot
        WHERE slot.schedule_id = t.schedule_id
          AND (EXISTS (SELECT FROM lapinq_ready WHERE id = slot.task_id)
               OR EXISTS (SELECT FROM lapinq_delayed WHERE id = slot.task_id)
               OR EXISTS (SELECT FROM lapinq_running WHERE id = slot.task_id)))
 ORDER BY t.schedule_id
 LIMIT %(limit)s::integer
