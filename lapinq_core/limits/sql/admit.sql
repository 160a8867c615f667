-- Decides which claimed tasks of a name with a circuit breaker may start: all while it is closed, none while it is open, and
-- the first as its probe while it is half open and has none. Notes the starts. Parks the others: out of running, into
-- delayed, as release.sql puts them back into ready. They use up no start, give back what a rate allowed them, and are
-- cancelled instead if somebody asked for it.
-- A parked task is due in a quarter of an hour, but put_off_parked.sql puts that off each time. The previous release doesn't: it
-- knows no breakers of names, and starts the task.
-- Takes arrays of ids, tokens and places in the order of the claim. With `again`, after an answer was lost, it admits those
-- that it admitted before. Returns the ids of those that may start; one that is missing is parked or no longer held by
-- its token. Without a breaker all may.
-- Locks running rows in ascending order of id, and the row of the breaker, which the caller has locked and judged.
-- Relies on lapinq_running_pkey, lapinq_queues_pkey, lapinq_circuit_breakers_pkey and lapinq_circuit_breaker_starts_pkey; joins
-- as release.sql does.
WITH b AS MATERIALIZED (
    SELECT state, probe_seq
      FROM lapinq_circuit_breakers
     WHERE kind = 'task'
       AND name = %(task)s::text
), input AS MATERIALIZED (
    SELECT *
      FROM ROWS FROM (unnest(%(ids)s::uuid[]), unnest(%(tokens)s::uuid[]), unnest(%(seqs)s::bigint[]))
           WITH ORDINALITY AS i (id, token, seq, turn)
     ORDER BY id
), locked AS MATERIALIZED (
    SELECT r.id, r.token, r.claimed_at, i.seq, i.turn,
           %(again)s::boolean
           AND EXISTS (SELECT
                         FROM lapinq_circuit_breaker_starts s
                        WHERE s.kind = 'task'
                          AND s.name = %(task)s::text
                          AND s.task_id = r.id
                          AND s.claimed_at = r.claimed_at) AS is_noted
      FROM input i
     CROSS JOIN LATERAL (
           SELECT id, token, claimed_at
             FROM lapinq_running
            WHERE id = i.id
              AND token = i.token
            LIMIT 1
              FOR UPDATE) AS r
), admitted AS MATERIALIZED (
    SELECT l.id, l.claimed_at, l.is_noted
      FROM locked l
      LEFT JOIN b ON true
     WHERE l.is_noted
        OR b.state IS NULL
        OR b.state = 'closed'
        OR b.state = 'half_open'
           AND b.probe_seq IS NULL
           AND l.turn = (SELECT min(turn) FROM locked)
), noted AS (
    INSERT INTO lapinq_circuit_breaker_starts (kind, name, seq, task_id, claimed_at)
    SELECT 'task', %(task)s::text, nextval('lapinq_claim_seq'), id, claimed_at
      FROM admitted
     WHERE NOT is_noted
       AND EXISTS (SELECT FROM b)
    RETURNING seq, task_id
), probed AS (
    UPDATE lapinq_circuit_breakers x
       SET probe_id = n.task_id,
           probe_seq = n.seq
      FROM noted n
     WHERE x.kind = 'task'
       AND x.name = %(task)s::text
       AND x.state = 'half_open'
), gone AS (
    DELETE FROM lapinq_running r
     USING locked l
     WHERE r.id = ANY (ARRAY[l.id])
       AND r.token = l.token
       AND NOT l.id = ANY (ARRAY(SELECT id FROM admitted))
    RETURNING r.id, r.queue_name, r.rank, r.attempt, r.expires_at, r.isolation, r.lane, r.units, l.seq,
              r.cancel_requested_at IS NOT NULL AS cancelled
), parked AS (
    INSERT INTO lapinq_delayed (id, due_at, queue_name, rank, starts, expires_at, isolation, lane, units, parked_for,
                                parked_seq)
    SELECT id, date_trunc('second', lapinq_now()) + interval '15 minutes', queue_name, rank, attempt - 1, expires_at,
           isolation, lane, units, %(task)s::text, seq
      FROM gone
     WHERE NOT cancelled
), recorded AS (
    INSERT INTO lapinq_attempts (task_id, attempt, final, outcome, finished_at)
    SELECT id, attempt - 1, true, 'cancelled', lapinq_now()
      FROM gone
     WHERE cancelled
), counted AS (
    INSERT INTO lapinq_counts (queue_name, pending, cancelled)
    SELECT queue_name, count(*) FILTER (WHERE NOT cancelled), count(*) FILTER (WHERE cancelled)
      FROM gone
     GROUP BY queue_name
), told_lanes AS (
    INSERT INTO lapinq_lane_news (queue_name, lanes, returned)
    SELECT queue_name, array_agg(coalesce(lane, '')), true
      FROM gone
     WHERE lane IS NOT NULL
        OR (SELECT rate IS NOT NULL FROM lapinq_queues WHERE name = gone.queue_name LIMIT 1)
     GROUP BY queue_name
), returned_units AS (
    INSERT INTO lapinq_limit_news (limit_name, units)
    SELECT need.name, sum(need.units)
      FROM gone
     CROSS JOIN LATERAL unnest(string_to_array(split_part(lane, chr(31), 2), ','), gone.units) AS need (name, units)
     WHERE gone.units IS NOT NULL
       AND EXISTS (SELECT FROM lapinq_limits l WHERE l.name = need.name AND l.rate IS NOT NULL)
     GROUP BY need.name
)
SELECT coalesce(array_agg(id::text), '{}') FROM admitted
