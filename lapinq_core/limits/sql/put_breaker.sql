-- Gives a queue or task name a circuit breaker, or changes its rules: then it counts from zero, and stays open if it is.
-- Returns no row if nothing changes. Locks the row of the breaker; the caller holds the lock of the queue's row.
-- Relies on the primary keys.
WITH put AS (
    INSERT INTO lapinq_circuit_breakers AS b (queue_name, task_name, failures_in_row, failure_share, window_seconds,
                                              least_attempts, retry_after_seconds, since, since_seq)
    VALUES (CASE %(kind)s::text WHEN 'queue' THEN %(name)s::text END,
            CASE %(kind)s::text WHEN 'task' THEN %(name)s::text END,
            %(failures_in_row)s::integer, %(failure_share)s::float8, %(window_seconds)s::float8,
            %(least_attempts)s::integer, %(retry_after_seconds)s::float8, lapinq_now(),
            (SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM lapinq_claim_seq))
        ON CONFLICT (kind, name) DO UPDATE
       SET failures_in_row = excluded.failures_in_row,
           failure_share = excluded.failure_share,
           window_seconds = excluded.window_seconds,
           least_attempts = excluded.least_attempts,
           retry_after_seconds = excluded.retry_after_seconds,
           since_seq = CASE WHEN b.state = 'closed' THEN excluded.since_seq ELSE b.since_seq END,
           in_row = 0
     WHERE (b.failures_in_row, b.failure_share, b.window_seconds, b.least_attempts, b.retry_after_seconds)
           IS DISTINCT FROM (excluded.failures_in_row, excluded.failure_share, excluded.window_seconds,
                             excluded.least_attempts, excluded.retry_after_seconds)
    RETURNING kind, name
), forgotten AS (
    DELETE FROM lapinq_circuit_breaker_counts WHERE (kind, name) IN (SELECT kind, name FROM put)
)
SELECT name FROM put
