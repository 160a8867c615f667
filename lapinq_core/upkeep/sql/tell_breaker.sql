-- What is to be done about a circuit breaker after it was judged: whether rules have to hear that it
-- opened or closed, which they have then, and whether workers have to hear that tasks may start again, or another as a probe,
-- within `recent` seconds.
-- Locks the row of the breaker; the caller holds its lock (breakers.LOCKS). Relies on lapinq_circuit_breakers_pkey.
WITH b AS MATERIALIZED (
    SELECT *, CASE WHEN state = 'closed' THEN 'closed' ELSE 'open' END AS shown
      FROM lapinq_circuit_breakers
     WHERE kind = %(kind)s::text
       AND name = %(name)s::text
), told AS (
    UPDATE lapinq_circuit_breakers x
       SET told_state = b.shown
      FROM b
     WHERE x.kind = b.kind
       AND x.name = b.name
       AND x.told_state <> b.shown
)
SELECT shown <> told_state,
       state <> 'open'
       AND probe_seq IS NULL
       AND CASE state WHEN 'half_open' THEN judged_at ELSE since END > lapinq_now() - %(recent)s::float8 * interval '1 second',
       shown, failures, attempts, window_seconds, opened_at, tries_at, failed_task_id::text
  FROM b
