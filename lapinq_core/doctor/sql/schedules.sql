-- How many schedules are active, in how many seconds the next tick is due, and how many sessions of schedulers there are.
-- Locks nothing. Relies on lapinq_schedules_next_fire_at. Sees the names of sessions of this role only, unless it may see
-- all.
SELECT count(*),
       date_part('epoch', min(next_fire_at) - lapinq_now()),
       (SELECT count(*)
          FROM pg_stat_activity
         WHERE datname = current_database()
           AND application_name IN ('lapinq-cron', 'lapinq-cron-listener'))
  FROM lapinq_schedules
 WHERE next_fire_at IS NOT NULL
