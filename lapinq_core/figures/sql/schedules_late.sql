-- For how many seconds the first tick has been due that is due for more than `late`; no row where none is.
-- Locks nothing. Relies on lapinq_schedules_next_fire_at.
SELECT date_part('epoch', lapinq_now() - next_fire_at)
  FROM lapinq_schedules
 WHERE next_fire_at < lapinq_now() - %(late)s::float8 * interval '1 second'
 ORDER BY next_fire_at
 LIMIT 1
