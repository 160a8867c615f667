-- The different time limits that living workers which serve a queue give tasks that set none, ascending.
-- Locks nothing. Reads lapinq_workers whole, which is small.
SELECT DISTINCT timeout_seconds
  FROM lapinq_workers
 WHERE dead_at IS NULL
   AND timeout_seconds IS NOT NULL
   AND (queues IS NULL OR %(queue)s::text = ANY (queues))
 ORDER BY timeout_seconds
