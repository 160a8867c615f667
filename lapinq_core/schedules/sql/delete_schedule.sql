-- Deletes a schedule with its ticks; tasks that it enqueued stay. Locks its row.
DELETE FROM lapinq_schedules
 WHERE id = %(id)s::bigint
