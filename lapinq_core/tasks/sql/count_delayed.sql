-- How many tasks of the queues (NULL: of all) wait for their time, retries among them.
-- Locks nothing. Reads all of lapinq_delayed, so it is for once at the end of a drain and not for a loop.
SELECT count(*)
  FROM lapinq_delayed
 WHERE %(queues)s::text[] IS NULL
    OR queue_name = ANY (%(queues)s::text[])
