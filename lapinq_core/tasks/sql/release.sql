-- Releases tasks whose function was never called: out of running, into ready at their old place.
-- Takes arrays of ids, tokens, places and isolations; returns the queues with ready tasks. Records no attempt and uses up no
-- start. A task to be profiled says from now on that it must run alone: only its claim knew, and that had no place for it.
-- A task that ran before waits since its last attempt ended or was requeued, one that somebody ran before its time from
-- now on: running has forgotten the exact time.
-- Cancels instead if somebody asked the task to stop. A start that a rate allowed is given back: in the news of its lane, or
-- of one without a name.
-- A row with another token belongs to a later claim and stays. Locks running rows in the order given: ascending ids.
-- Relies on lapinq_running_pkey, lapinq_attempts_earlier and lapinq_tasks_pkey; joins as report_logs.sql does.
WITH input AS MATERIALIZED (
    SELECT *
      FROM ROWS FROM (unnest(%(ids)s::uuid[]), unnest(%(tokens)s::uuid[]), unnest(%(seqs)s::bigint[]),
                     unnest(%(isolations)s::smallint[]))
           AS i (id, token, seq, isolation)
), locked AS MATERIALIZED (
    SELECT r.id, r.token, i.seq, i.isolation
      FROM input i
     CROSS JOIN LATERAL (
           SELECT id, token
             FROM lapinq_running
            WHERE id = i.id
              AND token = i.token
            LIMIT 1
              FOR UPDATE) AS r
), ended AS (
    DELETE FROM lapinq_running r
     USING locked l
     WHERE r.id = ANY (ARRAY[l.id])
       AND r.token = l.token
    RETURNING r.id, r.queue_name, r.rank, r.attempt, r.expires_at, greatest(r.isolation, l.isolation) AS isolation,
              r.lane, r.units, l.seq,
              r.cancel_requested_at IS NOT NULL AS cancelled
), entered AS (
    INSERT INTO lapinq_ready (queue_name, rank, seq, id, starts, expires_at, isolation, since, lane, units)
    OVERRIDING SYSTEM VALUE
    SELECT queue_name, rank, seq, id, attempt - 1, expires_at, isolation,
           coalesce((SELECT coalesce(a.requeued_at, a.finished_at)
                       FROM lapinq_attempts a
                      WHERE a.task_id = ended.id
                        AND NOT a.final
                      ORDER BY a.finished_at DESC
                      LIMIT 1),
                    (SELECT lapinq_now()
                       FROM lapinq_tasks t
                      WHERE t.id = ended.id
                        AND t.scheduled_at > lapinq_now()
                      LIMIT 1)),
           lane, units
      FROM ended
     WHERE NOT cancelled
), recorded AS (
    INSERT INTO lapinq_attempts (task_id, attempt, final, outcome, finished_at)
    SELECT id, attempt - 1, true, 'cancelled', lapinq_now()
      FROM ended
     WHERE cancelled
), counted AS (
    INSERT INTO lapinq_counts (queue_name, pending, cancelled)
    SELECT queue_name, count(*) FILTER (WHERE NOT cancelled), count(*) FILTER (WHERE cancelled)
      FROM ended
     GROUP BY queue_name
), told_lanes AS (
    INSERT INTO lapinq_lane_news (queue_name, lanes, returned)
    SELECT queue_name, array_agg(coalesce(lane, '')), true
      FROM ended
     WHERE lane IS NOT NULL
        OR (SELECT rate IS NOT NULL FROM lapinq_queues WHERE name = ended.queue_name LIMIT 1)
     GROUP BY queue_name
), returned_units AS (
    INSERT INTO lapinq_limit_news (limit_name, units)
    SELECT need.name, sum(need.units)
      FROM ended
     CROSS JOIN LATERAL unnest(string_to_array(split_part(lane, chr(31), 2), ','), ended.units) AS need (name, units)
     WHERE ended.units IS NOT NULL
       AND EXISTS (SELECT FROM lapinq_limits l WHERE l.name = need.name AND l.rate IS NOT NULL)
     GROUP BY need.name
)
SELECT DISTINCT queue_name FROM ended WHERE NOT cancelled
