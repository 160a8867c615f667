-- How many tasks of the queues (NULL: all) are delayed, including those that wait for a retry.
-- Locks nothing. Reads all of lapinq_delayed, so call it once at the end of a drain, not in a loop.
SELECT count(*)
  FROM lapinq_delayed
 WHERE %(queues)s::text[] IS NULL
    OR queue_name = ANY (%(queues)s::text[])
