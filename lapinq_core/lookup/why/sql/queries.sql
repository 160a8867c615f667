-- name: blocks
-- What keeps a pending task from starting, the reason to tell first. `until` is NULL where no time ends it.
-- Locks nothing; lapinq_blocks_1 tells what it reads.
SELECT kind, rate, name, CASE WHEN until < lapinq_until_woken() THEN until END, task::text, running, max_running, tokens, units
  FROM lapinq_blocks_1(ARRAY[%(id)s::uuid])
 ORDER BY nth, name

-- name: holders_of_key
-- The running tasks of a key that were claimed first, at most `most`. Locks nothing. Relies on lapinq_running_key.
SELECT id::text, claimed_at
  FROM lapinq_running
 WHERE queue_name = %(queue)s::text
   AND split_part(lane, chr(31), 1) = %(key)s::text
   AND lane IS NOT NULL
 ORDER BY claimed_at, id
 LIMIT %(most)s::integer

-- name: holders_of_limit
-- The same for a named limit. Locks nothing. Relies on lapinq_running_units.
SELECT id::text, claimed_at
  FROM lapinq_running
 WHERE units IS NOT NULL
   AND %(name)s::text = ANY (string_to_array(split_part(lane, chr(31), 2), ','))
 ORDER BY claimed_at, id
 LIMIT %(most)s::integer
