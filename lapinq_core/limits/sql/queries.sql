-- name: clear_limit_news
-- Removes what tasks said about a limit of this name before it existed.
-- Locks the rows it deletes. Relies on lapinq_limit_news_pkey.
DELETE FROM lapinq_limit_news
 WHERE limit_name = %(name)s::text

-- name: count_limits
-- How many named limits there are; with `name` only that one. Locks nothing. Relies on lapinq_limits being small.
SELECT count(*)
  FROM lapinq_limits
 WHERE %(name)s::text IS NULL
    OR name = %(name)s::text

-- name: count_task_breakers
-- How many other task names have a circuit breaker: each heartbeat tells all workers their names. Locks nothing. Reads all of
-- lapinq_circuit_breakers, which is small.
SELECT count(*) FROM lapinq_circuit_breakers WHERE kind = 'task' AND name <> %(name)s::text

-- name: find_declared_breaker
-- Circuit breakers of task names: those of some names or sources, as JSON, and their sources. Locks nothing. Reads all of
-- lapinq_circuit_breakers, which is small.
SELECT json_build_object('name', name, 'failures_in_row', failures_in_row, 'failure_share', failure_share,
                         'window_seconds', window_seconds, 'least_attempts', least_attempts,
                         'retry_after_seconds', retry_after_seconds)::text,
       source
  FROM lapinq_circuit_breakers
 WHERE kind = 'task'
   AND (name = ANY (%(names)s::text[]) OR source = ANY (%(sources)s::text[]))

-- name: find_declared_limit
-- The same for named limits. Locks nothing. Reads all of lapinq_limits, which is small.
SELECT json_build_object('name', name, 'max_running', max_running, 'rate', rate)::text, source
  FROM lapinq_limits
 WHERE name = ANY (%(names)s::text[])
    OR source = ANY (%(sources)s::text[])

-- name: get_breaker
-- The circuit breaker of a queue or task name. Locks nothing. Relies on lapinq_circuit_breakers_pkey.
SELECT failures_in_row, failure_share, window_seconds, least_attempts, retry_after_seconds, state, since, failures,
       attempts, opened_at, tries_at, failed_task_id::text, probe_id::text
  FROM lapinq_circuit_breakers
 WHERE kind = %(kind)s::text
   AND name = %(name)s::text

-- name: holder_of_key
-- The task of a key that started last. Locks nothing. Relies on lapinq_keys_pkey.
SELECT holder::text FROM lapinq_keys WHERE queue_name = %(queue)s::text AND key = %(key)s::text

-- name: list_other_sources
-- The modules that declare limits, policies or circuit breakers, but for some. Locks nothing. Reads all of lapinq_limits,
-- lapinq_circuit_breakers and lapinq_queues, which are small.
SELECT source
  FROM (SELECT source FROM lapinq_limits
        UNION
        SELECT source FROM lapinq_circuit_breakers
        UNION
        SELECT policy_source FROM lapinq_queues) AS found
 WHERE source <> ALL (%(sources)s::text[])

-- name: next_laned_queue
-- The next queue with lanes, after the one given in order of name.
-- Locks nothing. Relies on lapinq_queues_pkey.
SELECT name
  FROM lapinq_queues
 WHERE is_laned
   AND name > %(after)s::text
 ORDER BY name
 LIMIT 1

-- name: own_breaker
-- Records which module declares the circuit breaker of a task name. Locks its row. Relies on lapinq_circuit_breakers_pkey.
UPDATE lapinq_circuit_breakers
   SET source = %(source)s::text
 WHERE kind = 'task'
   AND name = %(name)s::text
   AND source IS DISTINCT FROM %(source)s::text

-- name: own_limit
-- The same for a named limit. Locks its row. Relies on lapinq_limits_pkey.
UPDATE lapinq_limits
   SET source = %(source)s::text
 WHERE name = %(name)s::text
   AND source IS DISTINCT FROM %(source)s::text

-- name: own_policy
-- The same for the policy of a queue; NULL: none. Locks its row. Relies on lapinq_queues_pkey.
UPDATE lapinq_queues
   SET policy_source = %(source)s::text
 WHERE name = %(name)s::text
   AND policy_source IS DISTINCT FROM %(source)s::text

-- name: raise_fence_of_limit
-- After the commit of a new limit, in a transaction of its own: claims that began before have lower numbers.
-- Locks its row. Relies on lapinq_limits_pkey.
UPDATE lapinq_limits
   SET fence = pg_current_xact_id()::text::bigint
 WHERE name = %(name)s::text
   AND fence < 0

-- name: raise_fence_of_queue
-- The same after the commit of the first policy of a queue. Locks its row. Relies on lapinq_queues_pkey.
UPDATE lapinq_queues
   SET fence = pg_current_xact_id()::text::bigint
 WHERE name = %(queue)s::text
   AND fence < 0
