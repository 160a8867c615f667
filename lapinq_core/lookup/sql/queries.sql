-- name: count_some_delayed
-- Delayed tasks by queue, of at most `most` tasks; with `queues` all others together, under NULL.
-- Locks nothing. Reads lapinq_delayed, which has no index by queue, until it has that many.
SELECT CASE WHEN %(queues)s::text[] IS NULL OR queue_name = ANY (%(queues)s::text[]) THEN queue_name END, count(*)
  FROM (SELECT queue_name
          FROM lapinq_delayed
         LIMIT %(most)s::integer) AS delayed
 GROUP BY 1

-- name: governed
-- Those of these queues that have a policy, lanes or a circuit breaker.
-- Locks nothing. Relies on lapinq_queues_pkey.
SELECT name
  FROM lapinq_queues
 WHERE name = ANY (%(queues)s::text[])
   AND is_governed

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
