-- Declares workers dead whose last beat is older than their lease. Dead stays dead.
-- Locks the worker rows concerned; a beat that comes at the same moment wins or loses whole.
WITH late AS MATERIALIZED (
    SELECT id
      FROM lapinq_workers
     WHERE dead_at IS NULL
       AND beat_at < lapinq_now() - lease_seconds * interval '1 second'
     ORDER BY id
       FOR UPDATE SKIP LOCKED
)
UPDATE lapinq_workers w
   SET dead_at = lapinq_now()
  FROM late
 WHERE w.id = late.id
   AND w.dead_at IS NULL
RETURNING w.id::text, w.name
