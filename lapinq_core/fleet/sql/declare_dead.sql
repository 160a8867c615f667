-- Declares workers dead whose last beat is further from now than their lease. Dead stays dead. Now is both what the clock
-- shows and what the caller expects it to show, for it may have just jumped: by either of them alone nobody is late. A beat
-- that lies ahead of now is from before the clock was set back.
-- Locks the worker rows concerned; a beat that comes at the same moment wins or loses whole.
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
