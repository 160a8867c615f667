-- Locks a queue until the end of the transaction: claims that its policy governs wait or pass it.
-- Locks the queue's row. Relies on lapinq_queues_pkey.
SELECT
  FROM lapinq_queues
 WHERE name = %(queue)s::text
   FOR NO KEY UPDATE
