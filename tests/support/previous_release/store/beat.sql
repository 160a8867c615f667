-- A worker's sign of life. No row comes back when it was declared dead: then its tasks are no longer its own.
-- Locks its own row.
UPDATE lapinq_workers
   SET beat_at = lapinq_now()
 WHERE id = %(id)s::uuid
   AND dead_at IS NULL
RETURNING true
