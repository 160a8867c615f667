-- Locks the queues that have, or had, tasks with limits, until the end of the transaction: claims under way have ended, and
-- the next ones see what it commits. For a limit that tasks may wait for already because it existed before.
-- Locks the queues' rows in order of name; the caller has not locked a limit. Relies on lapinq_queues being small.
SELECT
  FROM lapinq_queues
 WHERE is_laned
 ORDER BY name
   FOR NO KEY UPDATE
