-- Lets a paused schedule fire again, next at `next_fire_at`. No row when it is not paused. Locks its row.
UPDATE lapinq_schedules
   SET paused_at = NULL, paused_by = NULL, pause_reason = NULL, next_fire_at = %(next_fire_at)s, version = version + 1
 WHERE id = %(id)s::bigint AND paused_at IS NOT NULL
RETURNING id
