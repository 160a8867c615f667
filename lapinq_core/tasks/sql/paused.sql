-- The names of the queues that are paused. Locks nothing; the table has a row for each queue that something is said of.
SELECT name
  FROM lapinq_queues
 WHERE paused_at IS NOT NULL
