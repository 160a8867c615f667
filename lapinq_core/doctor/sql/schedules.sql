-- How many schedules are active, in how many seconds the next tick is due, how many sessions of schedulers there are, and
-- whether there are sessions whose names this role may not see.
-- Locks nothing. Relies on lapinq_schedules_next_fire_at.
SELECT count(*),
       date_part('epoch', min(next_fire_at) - lapinq_now()),
       (SELECT count(*)
          FROM pg_stat_activity
         WHERE datname = current_database()
           AND application_name IN ('lapinq-cron', 'lapinq-cron-listener')),
       EXISTS (SELECT
                 FROM pg_stat_activity
                WHERE datname = current_database()
                  AND NOT pg_has_role(usesysid, 'USAGE')
                  AND NOT pg_has_role('pg_read_all_stats', 'USAGE'))
  FROM lapinq_schedules
 WHERE next_fire_at IS NOT NULL
