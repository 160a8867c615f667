-- The order of a queue. No row for a queue without one.
-- Locks the queue's row until the end of the transaction: claims of its keys wait. Relies on lapinq_queues_pkey.
SELECT start_order
  FROM lapinq_queues
 WHERE name = %(queue)s::text
   FOR NO KEY UPDATE
