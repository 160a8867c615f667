-- Lets parked tasks of a name go, into ready at their old places: up to `limit` if its circuit breaker is closed or removed. If
-- it is half open and has no probe, the first of each queue that is not paused: the one that is claimed first becomes the
-- probe, and the others are parked again. Lets no others go while one of those waits to be claimed, for `patience` seconds at
-- most: a limit or missing workers may hold it up. A task that ran before waits since its last attempt ended or was requeued.
-- Returns how many, and their queues. If the breaker changes at this moment they are parked again when they are claimed.
-- Locks the rows it moves, skipping locked ones, and the row of the breaker. Relies on lapinq_circuit_breakers_pkey,
-- lapinq_delayed_parked, of which a half-open one reads a row for each queue, lapinq_ready_pkey and lapinq_attempts_earlier,
-- and finds the rows again by their place.
WITH RECURSIVE b AS MATERIALIZED (
    SELECT state = 'half_open'
           AND probe_seq IS NULL
           AND (let_go_at IS NULL
                OR NOT let_go_at BETWEEN lapinq_now() - %(patience)s::float8 * interval '1 second' AND lapinq_now()
                OR NOT EXISTS (SELECT FROM lapinq_ready WHERE id = ANY (let_go))) AS wants_probe
      FROM lapinq_circuit_breakers
     WHERE kind = 'task'
       AND name = %(task)s::text
       AND state <> 'closed'
), queues (queue_name) AS (
    (SELECT queue_name
       FROM lapinq_delayed
      WHERE parked_for = %(task)s::text
        AND (SELECT wants_probe FROM b)
      ORDER BY parked_for, queue_name
      LIMIT 1)
    UNION ALL
    SELECT next.queue_name
      FROM queues
     CROSS JOIN LATERAL (
           SELECT queue_name
             FROM lapinq_delayed
            WHERE parked_for = %(task)s::text
              AND queue_name > queues.queue_name
            ORDER BY parked_for, queue_name
            LIMIT 1) AS next
), firsts AS MATERIALIZED (
    SELECT d.row_id
      FROM queues
     CROSS JOIN LATERAL (
           SELECT ctid AS row_id
             FROM lapinq_delayed
            WHERE parked_for = %(task)s::text
              AND queue_name = queues.queue_name
            ORDER BY parked_for, queue_name, rank, parked_seq
            LIMIT 1
              FOR UPDATE SKIP LOCKED) AS d
     WHERE NOT EXISTS (SELECT
                         FROM lapinq_queues
                        WHERE name = queues.queue_name
                          AND paused_at IS NOT NULL)
), others AS MATERIALIZED (
    SELECT ctid AS row_id
      FROM lapinq_delayed
     WHERE parked_for = %(task)s::text
       AND NOT EXISTS (SELECT FROM b)
     ORDER BY parked_for, queue_name, rank, parked_seq
     LIMIT %(limit)s::integer
       FOR UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM lapinq_delayed d
     WHERE d.ctid = ANY (ARRAY(SELECT row_id FROM firsts UNION ALL SELECT row_id FROM others))
    RETURNING d.id, d.queue_name, d.rank, d.parked_seq, d.starts, d.expires_at, d.isolation, d.lane, d.units
), entered AS (
    INSERT INTO lapinq_ready (queue_name, rank, seq, id, starts, expires_at, isolation, since, lane, units)
    OVERRIDING SYSTEM VALUE
    SELECT queue_name, rank, parked_seq, id, starts, expires_at, isolation,
           coalesce((SELECT coalesce(a.requeued_at, a.finished_at)
                       FROM lapinq_attempts a
                      WHERE a.task_id = gone.id
                        AND NOT a.final
                      ORDER BY a.finished_at DESC
                      LIMIT 1),
                    (SELECT lapinq_now()
                       FROM lapinq_tasks t
                      WHERE t.id = gone.id
                        AND t.scheduled_at > lapinq_now()
                      LIMIT 1)),
           lane, units
      FROM gone
    RETURNING id, queue_name
), told_lanes AS (
    INSERT INTO lapinq_lane_news (queue_name, lanes)
    SELECT queue_name, array_agg(lane)
      FROM gone
     WHERE lane IS NOT NULL
     GROUP BY queue_name
), remembered AS (
    UPDATE lapinq_circuit_breakers
       SET let_go = (SELECT array_agg(id) FROM entered),
           let_go_at = lapinq_now()
     WHERE kind = 'task'
       AND name = %(task)s::text
       AND state <> 'closed'
       AND EXISTS (SELECT FROM entered)
)
SELECT count(*), coalesce(array_agg(DISTINCT queue_name), '{}') FROM entered
