-- Deletes workers that have been dead for a day and have no claims, and what places two processes stored at the same time.
-- Returns how many workers. Locks the rows it deletes.
WITH gone AS (
    DELETE FROM lapinq_workers w
     WHERE w.dead_at < lapinq_now() - interval '1 day'
       AND NOT EXISTS (SELECT FROM lapinq_running r WHERE r.worker_id = w.id)
    RETURNING w.id
), replaced AS (
    DELETE FROM lapinq_places
     WHERE seq < (SELECT max(seq) FROM lapinq_places)
)
SELECT count(*) FROM gone
