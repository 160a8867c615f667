-- This week or the next, if it has no partition, as the date of its Monday, with the bytes of the default partitions;
-- no row if both have. Partitions are created two weeks ahead, so a missing one was put off or could not be created.
-- Locks nothing. Reads the catalogue.
SELECT to_char(monday, 'YYYY-MM-DD'),
       pg_relation_size('lapinq_tasks_default') + pg_relation_size('lapinq_attempts_default')
  FROM generate_series(date_trunc('week', lapinq_now() AT TIME ZONE 'UTC'),
                       date_trunc('week', lapinq_now() AT TIME ZONE 'UTC') + interval '7 days',
                       interval '7 days') AS monday
 WHERE to_regclass('lapinq_tasks' || to_char(monday, '_YYYYMMDD')) IS NULL
    OR to_regclass('lapinq_attempts' || to_char(monday, '_YYYYMMDD')) IS NULL
 ORDER BY monday
 LIMIT 1
