-- How many seconds the earliest tick is overdue, if by more than `late`; otherwise no row.
-- Locks nothing. Relies on lapinq_schedules_next_fire_at.
SELECT date_part('epoch', lapinq_now() - next_fire_at)
  FROM lapinq_schedules
 WHERE next_fire_at < lapinq_now() - %(late)s::float8 * interval '1 second'
 ORDER BY next_fire_at
 LIMIT 1
