-- name: amend_key
-- Puts other ids into the answer of an idempotency key that this transaction has written.
-- Locks nothing that it hasn't locked. Relies on lapinq_idempotency_keys_pkey.
UPDATE lapinq_idempotency_keys
   SET task_ids = %(task_ids)s::uuid[],
       met = %(met)s::json
 WHERE key = %(key)s::text

-- name: enqueue
-- Stores new tasks, all or none: see the function. Takes the JSON of `new_tasks.encoded`. Returns the queues with ready tasks,
-- and the seconds until the first of the delayed ones is due (NULL: none). Locks nothing that exists.
SELECT queues, due_in
  FROM lapinq_store_tasks(%(tasks)s::json)

-- name: enqueue_announced
-- As `enqueue`, and notifies within the transaction: of each queue with ready tasks, and of a delayed task that is due soon.
-- Locks nothing here. The commit takes the lock that all commits with notifications of the database share.
SELECT s.queues, s.due_in, n.sent
  FROM lapinq_store_tasks(%(tasks)s::json) AS s
 CROSS JOIN LATERAL (
       SELECT count(pg_notify(c.channel, c.payload)) AS sent
         FROM (SELECT 'lapinq_ready' AS channel, queue AS payload FROM unnest(s.queues) AS queue
                UNION ALL
               SELECT 'lapinq_delayed', '0' WHERE s.due_in <= 1) AS c) AS n

-- name: find_idempotency_keys
-- Idempotency keys with the digest of their request, the ids in its answer, and which of them it met.
-- Locks nothing. Relies on lapinq_idempotency_keys_pkey.
SELECT key, digest, task_ids::text[], met::text
  FROM lapinq_idempotency_keys
 WHERE key = ANY (%(keys)s::text[])

-- name: flush
-- A commit that waits for the disk, and for synchronous standbys: its own, and with it every commit before it. An empty
-- transaction would wait for nothing, so it writes a message of some bytes, which only logical decoding sees.
-- Locks nothing.
SELECT pg_logical_emit_message(true, 'lapinq', '')

-- name: flush_later
-- The commit of this transaction returns before it is on disk. `flush` puts it there.
-- Locks nothing.
SELECT set_config('synchronous_commit', 'off', true)

-- name: link_rerun
-- Links a task to the earlier one that it repeats, unless it is that one. Locks its row, which the same transaction has
-- stored or replaced.
-- Relies on lapinq_tasks_pkey. No index holds the column.
UPDATE lapinq_tasks
   SET rerun_of = %(earlier_id)s::uuid
 WHERE id = %(id)s::uuid
   AND id <> %(earlier_id)s::uuid

-- name: stored_ids
-- Which of these tasks are stored. Locks nothing. Relies on the primary key of lapinq_tasks.
SELECT id::text
  FROM lapinq_tasks
 WHERE id = ANY (%(ids)s::uuid[])
