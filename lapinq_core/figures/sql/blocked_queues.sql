-- Queues with keys that a failed task has held for more than `seconds`: how many, since when the first, and whether there may be
-- more than the `most_keys` oldest; of `queues`, or of all (NULL). Those with the most keys in front, at most `most`.
-- Locks nothing. Relies on lapinq_stuck_keys_1.
SELECT queue_name, count(*), min(since), count(*) >= %(most_keys)s::integer
  FROM lapinq_stuck_keys_1(%(queues)s::text[], %(most_keys)s::integer)
 WHERE since < lapinq_now() - %(seconds)s::float8 * interval '1 second'
 GROUP BY queue_name
 ORDER BY count(*) DESC, queue_name COLLATE "C"
 LIMIT greatest(0, %(most)s::integer)
