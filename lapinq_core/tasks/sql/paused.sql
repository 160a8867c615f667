-- The names of paused queues. Locks nothing; the table has a row for each queue that was ever paused.
SELECT name
  FROM lapinq_queues
 WHERE paused_at IS NOT NULL
