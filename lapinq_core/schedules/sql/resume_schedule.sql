-- Resumes a paused schedule, next due at `next_fire_at`. No row if it is not paused. Locks its row.
UPDATE lapinq_schedules
   SET paused_at = NULL, paused_by = NULL, pause_reason = NULL, next_fire_at = %(next_fire_at)s, version = version + 1
 WHERE id = %(id)s::bigint AND paused_at IS NOT NULL
RETURNING id
