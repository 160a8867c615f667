-- Locks a queue with a policy until the end of the transaction, so that one worker at a time counts its running tasks and
-- claims. The claim is a statement of its own: only then does it see what the worker before committed.
-- Notes that the queue has lanes once there is news of them. Enqueues don't, since a transaction with one may stay open for
-- long, and would hold the lock.
-- Locks the queue's row. Relies on lapinq_queues_pkey and lapinq_lane_news_pkey.
WITH laned AS (
    INSERT INTO lapinq_queues (name, is_laned)
    SELECT %(queue)s::text, true
     WHERE CASE WHEN (SELECT is_laned FROM lapinq_queues WHERE name = %(queue)s::text) THEN false
                ELSE EXISTS (SELECT FROM lapinq_lane_news WHERE queue_name = %(queue)s::text) END
        ON CONFLICT (name) DO UPDATE
       SET is_laned = true
)
SELECT
  FROM lapinq_queues
 WHERE name = %(queue)s::text
   FOR NO KEY UPDATE
