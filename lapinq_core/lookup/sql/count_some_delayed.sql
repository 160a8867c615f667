-- Delayed tasks by queue, of at most `most` tasks. Locks nothing. Reads lapinq_delayed until it has that many.
SELECT queue_name, count(*)
  FROM (SELECT queue_name
          FROM lapinq_delayed
         LIMIT %(most)s::integer) AS delayed
 GROUP BY queue_name
