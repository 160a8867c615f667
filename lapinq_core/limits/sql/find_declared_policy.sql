-- The policies of queues, with their circuit breakers: those of some names or sources, as JSON, and their sources.
-- Locks nothing. Reads all of lapinq_queues, which is small, and relies on lapinq_circuit_breakers_pkey.
SELECT json_build_object('name', q.name, 'max_running', q.max_running, 'max_running_per_key', q.max_running_per_key,
                         'rate', q.rate, 'rate_per_key', q.rate_per_key, 'order', q.start_order, 'weights', q.weights,
                         'breaker', CASE WHEN b.name IS NOT NULL
                                         THEN json_build_object('failures_in_row', b.failures_in_row,
                                                                'failure_share', b.failure_share,
                                                                'window_seconds', b.window_seconds,
                                                                'least_attempts', b.least_attempts,
                                                                'retry_after_seconds', b.retry_after_seconds) END)::text,
       q.policy_source
  FROM lapinq_queues q
  LEFT JOIN lapinq_circuit_breakers b ON b.kind = 'queue' AND b.name = q.name
 WHERE q.name = ANY (%(names)s::text[])
    OR q.policy_source = ANY (%(sources)s::text[])
