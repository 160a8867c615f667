-- name: blocks
-- What keeps a pending task from starting, the reason to tell first. `until` is NULL where no time ends it.
-- Locks nothing; lapinq_blocks_1 tells what it reads.
SELECT kind, rate, name, CASE WHEN until < lapinq_until_woken() THEN until END, task::text, running, max_running, tokens, units
  FROM lapinq_blocks_1(ARRAY[%(id)s::uuid])
 ORDER BY nth, name

-- name: count_some_delayed
-- Delayed tasks by queue, of at most `most` tasks. Locks nothing. Reads lapinq_delayed until it has that many.
SELECT queue_name, count(*)
  FROM (SELECT queue_name
          FROM lapinq_delayed
         LIMIT %(most)s::integer) AS delayed
 GROUP BY queue_name

-- name: governed
-- Those of these queues that have a policy, lanes or a circuit breaker.
-- Locks nothing. Relies on lapinq_queues_pkey.
SELECT name
  FROM lapinq_queues
 WHERE name = ANY (%(queues)s::text[])
   AND is_governed

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

-- name: is_small_queue
-- Whether at most 2,000 tasks of a queue are ready.
-- Locks nothing. Relies on lapinq_ready_claim, of which it reads that many entries.
SELECT count(*) <= 2000
  FROM (SELECT
          FROM lapinq_ready
         WHERE queue_name = %(queue)s::text
         ORDER BY queue_name, rank, seq
         LIMIT 2001) AS ready

-- name: measure_breakers
-- Circuit breakers of queues and of task names, at most `most`, those that are not closed first: kind, name and state.
-- Locks nothing. Reads all breakers, which are few.
SELECT kind, name, state
  FROM lapinq_circuit_breakers
 ORDER BY state = 'closed', kind, name
 LIMIT %(most)s::integer

-- name: releases
-- The releases of workers, by their ids. Locks nothing. Relies on the primary key.
SELECT id::text, release
  FROM lapinq_workers
 WHERE id = ANY (%(ids)s::uuid[])

-- name: rules_of_queues
-- What is set for queues, of `queues` or of all (NULL): whether they are paused, how many tasks may run at once, the state of the
-- circuit breaker. Queues for which none of that is set are left out.
-- Locks nothing. Reads lapinq_queues and lapinq_circuit_breakers whole, which have a row for each queue that somebody set.
SELECT q.name, q.paused_at IS NOT NULL, q.max_running, b.state
  FROM lapinq_queues q
  LEFT JOIN lapinq_circuit_breakers b ON b.kind = 'queue' AND b.name = q.name
 WHERE num_nonnulls(q.paused_at, q.max_running, b.state) > 0
   AND (%(queues)s::text[] IS NULL OR q.name = ANY (%(queues)s::text[]))

-- name: schedules_of
-- The names of the schedules that enqueued some tasks, by task id. Tasks that none did are left out.
-- Locks nothing. Relies on lapinq_ticks_task_id and lapinq_schedules_pkey.
SELECT k.task_id::text, s.name
  FROM lapinq_ticks k
  JOIN lapinq_schedules s ON s.id = k.schedule_id
 WHERE k.task_id = ANY (%(ids)s::uuid[])

-- name: startable
-- How many ready tasks may start now of those of these queues that have a policy, lanes or a circuit breaker, counted up to
-- 1,000. Of others all may, which costs nothing to tell.
-- Locks nothing. Relies on lapinq_queues_pkey; lapinq_startable tells what it reads.
SELECT q.name, lapinq_startable(q.name)
  FROM lapinq_queues q
 WHERE q.name = ANY (%(queues)s::text[])
   AND q.is_governed

-- name: task_value
-- One value of a task as JSON text: `field` is args, kwargs, metadata or result. No row for an unknown id.
-- Locks nothing. Relies on the primary key and lapinq_attempts_final.
SELECT CASE %(field)s::text
       WHEN 'args' THEN args::text
       WHEN 'kwargs' THEN kwargs::text
       WHEN 'metadata' THEN metadata::text
       WHEN 'result' THEN result
       END
  FROM lapinq_task_details
 WHERE id = %(id)s::uuid
