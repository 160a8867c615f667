-- The seconds until the next tick is due, negative when one is, NULL when none will be; and whether any tick is held.
-- Relies on lapinq_schedules_next_fire_at and lapinq_ticks_held.
SELECT (SELECT extract(epoch FROM min(next_fire_at) - lapinq_now())::float8 FROM lapinq_schedules
         WHERE next_fire_at IS NOT NULL),
       EXISTS (SELECT FROM lapinq_ticks WHERE outcome = 'held')
