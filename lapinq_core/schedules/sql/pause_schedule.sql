-- Pauses a schedule and skips its held tick. No row if it is paused already.
-- Locks its row, then the tick. Relies on lapinq_schedules_pkey and lapinq_ticks_held.
WITH paused AS (
    UPDATE lapinq_schedules
       SET paused_at = lapinq_now(), paused_by = %(by)s, pause_reason = %(reason)s, next_fire_at = NULL,
           version = version + 1
     WHERE id = %(id)s::bigint AND paused_at IS NULL
    RETURNING id
), skipped AS (
    UPDATE lapinq_ticks t
       SET outcome = 'skipped'
      FROM paused
     WHERE t.schedule_id = paused.id AND t.outcome = 'held'
)
SELECT id FROM paused
