-- How many tasks of a queue are before a place in it, at most `most`, those nearest to it first: the dead entries of
-- tasks that were claimed are at the other end.
-- Locks nothing. Relies on lapinq_ready_claim, of which it reads so many entries; compares rows as claim.sql does.
SELECT count(*)
  FROM (SELECT
          FROM lapinq_ready
         WHERE queue_name = %(queue)s::text
           AND (rank, seq) < (%(rank)s::bigint, %(seq)s::bigint)
         ORDER BY queue_name DESC, rank DESC, seq DESC
         LIMIT %(most)s::integer) AS ahead
