-- Lets up to `limit` parked tasks of a name go, unless its circuit breaker is not closed: into ready at their old places. A
-- task that ran before waits since its last attempt ended or was requeued.
-- Returns how many, and their queues. If the breaker opens at this moment they are parked again when they are claimed.
-- Locks the rows it moves, skipping locked ones. Relies on lapinq_delayed_parked, lapinq_circuit_breakers_pkey and
-- lapinq_attempts_earlier, and finds the rows again by their place.
WITH parked AS MATERIALIZED (
    SELECT ctid
      FROM lapinq_delayed
     WHERE parked_for = %(task)s::text
       AND NOT EXISTS (SELECT
                         FROM lapinq_circuit_breakers
                        WHERE kind = 'task'
                          AND name = %(task)s::text
                          AND state <> 'closed')
     ORDER BY parked_for, queue_name, rank, parked_seq
     LIMIT %(limit)s::integer
       FOR UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM lapinq_delayed d
     WHERE d.ctid = ANY ((SELECT array_agg(ctid) FROM parked)::tid[])
    RETURNING d.id, d.queue_name, d.rank, d.parked_seq, d.starts, d.expires_at, d.isolation, d.lane, d.units
), entered AS (
    INSERT INTO lapinq_ready (queue_name, rank, seq, id, starts, expires_at, isolation, since, lane, units)
    OVERRIDING SYSTEM VALUE
    SELECT queue_name, rank, parked_seq, id, starts, expires_at, isolation,
           coalesce((SELECT max(coalesce(a.requeued_at, a.finished_at))
                       FROM lapinq_attempts a
                      WHERE a.task_id = gone.id
                        AND NOT a.final),
                    (SELECT lapinq_now()
                       FROM lapinq_tasks t
                      WHERE t.id = gone.id
                        AND t.scheduled_at > lapinq_now()
                      LIMIT 1)),
           lane, units
      FROM gone
    RETURNING queue_name
), told_lanes AS (
    INSERT INTO lapinq_lane_news (queue_name, lanes)
    SELECT queue_name, array_agg(lane)
      FROM gone
     WHERE lane IS NOT NULL
     GROUP BY queue_name
)
SELECT count(*), coalesce(array_agg(DISTINCT queue_name), '{}') FROM entered
