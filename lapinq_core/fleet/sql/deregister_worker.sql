-- Deletes a worker that stops. If it still has claims, find_lost.sql finds them, as their worker is gone. Locks its
-- row.
DELETE FROM lapinq_workers
 WHERE id = %(id)s::uuid
