-- The worker with this id, or the one with this name that started last: its id and its name.
-- Locks nothing. Reads lapinq_workers whole, where dead workers stay for a day.
SELECT id::text, name
  FROM lapinq_workers
 WHERE id = %(id)s::uuid
    OR name = %(name)s::text
 ORDER BY id IS NOT DISTINCT FROM %(id)s::uuid DESC, started_at DESC, id DESC
 LIMIT 1
