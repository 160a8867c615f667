-- What started, completed and failed in each queue in the last complete minute, from spans of 10 s. Locks nothing.
-- Relies on lapinq_rollups_since.
SELECT queue_name, sum(started)::bigint, sum(completed)::bigint, sum(failed)::bigint
  FROM lapinq_rollups
 WHERE span = 10
   AND since >= date_bin('10 seconds', lapinq_now(), to_timestamp(0)) - interval '1 minute'
   AND since < date_bin('10 seconds', lapinq_now(), to_timestamp(0))
   AND queue_name <> ''
 GROUP BY queue_name
