-- Declares workers dead whose last heartbeat is further from now than their lease. Dead is final. Because the clock may
-- have just jumped, a worker must be late both by the clock and by the time that the caller expects. A heartbeat in the
-- future is from before the clock was set back.
-- Locks the worker rows concerned; a concurrent heartbeat wins or loses as a whole.
WITH late AS MATERIALIZED (
    SELECT id
      FROM lapinq_workers
     WHERE dead_at IS NULL
       AND beat_at NOT BETWEEN least(lapinq_now(), to_timestamp(%(expected)s::float8)) - lease_seconds * interval '1 second'
                           AND greatest(lapinq_now(), to_timestamp(%(expected)s::float8)) + lease_seconds * interval '1 second'
     ORDER BY id
       FOR UPDATE SKIP LOCKED
)
UPDATE lapinq_workers w
   SET dead_at = lapinq_now()
  FROM late
 WHERE w.id = late.id
   AND w.dead_at IS NULL
RETURNING w.id::text, w.name
