-- The samples of the last `seconds` of the minute's span, newest first: queue, seconds ago, ready. A queue that had
-- nothing has no row. Samples without a number of ready tasks are left out; queue '' tells when others were taken.
-- Locks nothing. Relies on lapinq_levels_pkey.
SELECT queue_name, extract(epoch FROM lapinq_now() - sampled_at)::float8, ready
  FROM lapinq_levels
 WHERE span = %(span)s::integer
   AND since > lapinq_now() - make_interval(secs => %(seconds)s::integer)
   AND ready IS NOT NULL
 ORDER BY since DESC
