-- Gives a queue a circuit breaker, or changes its rules: then it counts afresh, and stays open if it is.
-- Returns no row if nothing changes. Locks the queue's row, unless the caller has. Relies on
-- the primary keys.
WITH queue AS (
    INSERT INTO lapinq_queues AS q (name, has_breaker, governed_xid, governed_at)
    VALUES (%(queue)s::text, true, pg_current_xact_id()::text::bigint, lapinq_now())
        ON CONFLICT (name) DO UPDATE
       SET has_breaker = true,
           governed_xid = CASE WHEN q.is_governed THEN q.governed_xid ELSE excluded.governed_xid END,
           governed_at = CASE WHEN q.is_governed THEN q.governed_at ELSE excluded.governed_at END
), put AS (
    INSERT INTO lapinq_breakers AS b (queue_name, failures_in_row, failure_share, window_seconds, least_attempts,
                                      retry_after_seconds, since, since_seq)
    VALUES (%(queue)s::text, %(failures_in_row)s::integer, %(failure_share)s::float8, %(window_seconds)s::float8,
            %(least_attempts)s::integer, %(retry_after_seconds)s::float8, lapinq_now(),
            (SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM lapinq_claim_seq))
        ON CONFLICT (queue_name) DO UPDATE
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
    RETURNING queue_name
), forgotten AS (
    DELETE FROM lapinq_breaker_counts WHERE queue_name IN (SELECT queue_name FROM put)
)
SELECT queue_name FROM put
