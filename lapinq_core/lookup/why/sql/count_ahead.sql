-- How many tasks of a queue are ahead of a place in it, at most `most`. Counts from the nearest on, because the dead
-- entries of claimed tasks are at the other end.
-- Locks nothing. Relies on lapinq_ready_claim, of which it reads that many entries; compares rows as claim.sql does.
SELECT count(*)
  FROM (SELECT
          FROM lapinq_ready
         WHERE queue_name = %(queue)s::text
           AND (rank, seq) < (%(rank)s::bigint, %(seq)s::bigint)
         ORDER BY queue_name DESC, rank DESC, seq DESC
         LIMIT %(most)s::integer) AS ahead
