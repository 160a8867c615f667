-- Whether at most 2,000 tasks of a queue are ready.
-- Locks nothing. Relies on lapinq_ready_claim, of which it reads that many entries.
SELECT count(*) <= 2000
  FROM (SELECT
          FROM lapinq_ready
         WHERE queue_name = %(queue)s::text
         ORDER BY queue_name, rank, seq
         LIMIT 2001) AS ready
