-- Locks a queue with max_running until the end of the transaction, so that one worker at a time counts its running
-- tasks and claims. The claim is a statement of its own: only then does it see what the worker before committed.
-- Locks the queue's row. Relies on lapinq_queues_pkey.
SELECT
  FROM lapinq_queues
 WHERE name = %(queue)s::text
   FOR NO KEY UPDATE
