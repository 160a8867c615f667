-- The seconds until the next tick is due, NULL if there is none; whether one is due already, and whether one is held.
-- Locks nothing. Relies on lapinq_schedules_next_fire_at and lapinq_ticks_held.
SELECT (SELECT extract(epoch FROM min(next_fire_at) - lapinq_now())::float8
          FROM lapinq_schedules
         WHERE next_fire_at > lapinq_now()),
       EXISTS (SELECT FROM lapinq_schedules WHERE next_fire_at <= lapinq_now()),
       EXISTS (SELECT FROM lapinq_ticks WHERE outcome = 'held')
