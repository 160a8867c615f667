-- What is to be done about the circuit breaker of a queue after it was judged: whether rules have to hear that it
-- opened or closed, which they have then, and whether workers have to hear that tasks may start again, or another as a probe,
-- within `recent` seconds.
-- Locks the row of the breaker; the caller holds the lock of the queue's row. Relies on lapinq_breakers_pkey.
WITH b AS MATERIALIZED (
    SELECT *, CASE WHEN state = 'closed' THEN 'closed' ELSE 'open' END AS shown
      FROM lapinq_breakers
     WHERE queue_name = %(queue)s::text
), told AS (
    UPDATE lapinq_breakers x
       SET told_state = b.shown
      FROM b
     WHERE x.queue_name = b.queue_name
       AND x.told_state <> b.shown
)
SELECT shown <> told_state, shown, failures, attempts, window_seconds, opened_at, tries_at, failed_task_id::text,
       state <> 'open'
       AND probe_seq IS NULL
       AND CASE state WHEN 'half_open' THEN judged_at ELSE since END > lapinq_now() - %(recent)s::float8 * interval '1 second'
  FROM b
