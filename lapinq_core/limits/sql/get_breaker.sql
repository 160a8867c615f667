-- The circuit breaker of a queue. Locks nothing. Relies on lapinq_breakers_pkey.
SELECT failures_in_row, failure_share, window_seconds, least_attempts, retry_after_seconds, state, since, failures,
       attempts, opened_at, tries_at, failed_task_id::text, probe_id::text
  FROM lapinq_breakers
 WHERE queue_name = %(queue)s::text
