-- Counts how attempts of a queue or task name with a circuit breaker ended since the last time, in the order of their ends,
-- and opens, half opens or closes the breaker. Does nothing if ends were counted less than `rest` seconds ago and all is
-- well.
-- Only attempts that started in the present state count: later ends of earlier ones change nothing. While it is
-- closed, attempts that were lost with their workers or released count neither as failures nor as successes, and so do
-- cancelled ones. While it is half open, the first probe that completes or fails decides; one that was lost has failed. If
-- the last one was released or cancelled, the next task is the probe. So it is if the last one runs for longer than the
-- breaker would be open had it failed: then it is forgotten, but its start stays noted, so its end still counts.
-- It looks at the noted attempts from `first_seq` on, the first that still ran at the last look, so it doesn't meet the
-- dead rows of earlier ones. Notes only come behind: they are numbered under the same lock.
-- OFFSET 0 keeps the lookup of each attempt a lookup by id: without it PostgreSQL may read all that run, for each.
-- Returns the new state if it changed. Locks the row of the breaker; the caller holds its lock (breakers.LOCKS).
-- Relies on the primary keys, lapinq_running_pkey, lapinq_attempts_final and lapinq_attempts_earlier.
WITH b AS MATERIALIZED (
    SELECT *,
           -- A clock that was set back ends the pause.
           state = 'open' AND NOT tries_at - pause_seconds * interval '1 second' <= lapinq_now() AS is_back,
           floor(extract(epoch FROM lapinq_now())::float8 / window_seconds * 20)::bigint AS slice,
           10 * retry_after_seconds AS longest_pause,
           10 AS most_probes -- that run at the same time
      FROM lapinq_circuit_breakers
     WHERE kind = %(kind)s::text
       AND name = %(name)s::text
       AND NOT (state = 'closed'
                AND in_row = 0
                AND coalesce(judged_at BETWEEN lapinq_now() - %(rest)s::float8 * interval '1 second' AND lapinq_now(),
                             false))
), noted AS MATERIALIZED (
    SELECT s.place, s.seq, s.claimed_at,
           EXISTS (SELECT
                     FROM lapinq_running
                    WHERE id = s.task_id
                      AND claimed_at = s.claimed_at
                   OFFSET 0) AS is_running
      FROM b
     CROSS JOIN LATERAL (SELECT ctid AS place, seq, task_id, claimed_at
                           FROM lapinq_circuit_breaker_starts
                          WHERE kind = b.kind
                            AND name = b.name
                            AND seq >= b.first_seq
                          ORDER BY kind, name, seq) AS s
), ended AS MATERIALIZED (
    DELETE FROM lapinq_circuit_breaker_starts
     WHERE ctid = ANY (ARRAY(SELECT place FROM noted WHERE NOT is_running))
    RETURNING seq, task_id, claimed_at
), ends AS MATERIALIZED (
    SELECT e.seq, e.task_id, a.finished_at, a.outcome, a.token IS NULL AS is_lost
      FROM ended e
      JOIN b ON e.seq > b.since_seq
      LEFT JOIN LATERAL (
           SELECT finished_at, outcome, token
             FROM lapinq_attempts
            WHERE task_id = e.task_id
              AND final
              AND claimed_at = e.claimed_at
            UNION ALL
           SELECT finished_at, outcome, token
             FROM lapinq_attempts
            WHERE task_id = e.task_id
              AND NOT final
              AND claimed_at = e.claimed_at
            LIMIT 1) AS a ON true
), probes AS MATERIALIZED (
    SELECT count(*) AS running
      FROM noted n
      JOIN b ON b.state = 'half_open' AND n.seq > b.since_seq
     WHERE n.is_running
), decisive AS MATERIALIZED (
    SELECT e.task_id, e.outcome
      FROM ends e
      JOIN b ON b.state = 'half_open'
     WHERE e.outcome IN ('completed', 'failed')
     ORDER BY e.finished_at, e.seq
     LIMIT 1
), counted AS MATERIALIZED (
    SELECT e.seq, e.task_id, e.finished_at, e.outcome = 'failed' AS has_failed,
           count(*) FILTER (WHERE e.outcome = 'completed') OVER (ORDER BY e.finished_at, e.seq) AS row_no
      FROM ends e
      JOIN b ON b.state = 'closed'
     WHERE e.outcome IN ('completed', 'failed')
       AND NOT e.is_lost
), rows AS MATERIALIZED (
    SELECT row_no,
           count(*) FILTER (WHERE has_failed)
           + CASE WHEN row_no = 0 THEN (SELECT in_row FROM b) ELSE 0 END AS failures
      FROM counted
     GROUP BY row_no
), slices AS MATERIALIZED (
    SELECT floor(extract(epoch FROM c.finished_at)::float8 / b.window_seconds * 20)::bigint AS slice,
           count(*) FILTER (WHERE has_failed) AS failures, count(*) AS attempts
      FROM counted c
     CROSS JOIN b
     WHERE b.failure_share IS NOT NULL
     GROUP BY 1
), seen AS MATERIALIZED (
    SELECT coalesce(sum(s.failures), 0)::integer AS failures, coalesce(sum(s.attempts), 0)::integer AS attempts
      FROM b
     CROSS JOIN LATERAL (
           SELECT slice, failures, attempts FROM slices
            UNION ALL
           SELECT slice, failures, attempts
             FROM lapinq_circuit_breaker_counts
            WHERE kind = b.kind
              AND name = b.name) AS s
     WHERE s.slice > b.slice - 20
       AND s.slice <= b.slice
), judged AS MATERIALIZED (
    SELECT b.*, decisive.outcome, decisive.task_id AS decisive_id,
           b.probe_seq IS NOT NULL
           AND (last.is_running IS NOT TRUE
                OR probes.running < b.most_probes
                   AND last.claimed_at NOT BETWEEN
                       lapinq_now() - least(b.pause_seconds * 2 ^ probes.running, b.longest_pause) * interval '1 second'
                       AND lapinq_now()) AS is_next_tried,
           seen.failures AS failures_seen, seen.attempts AS attempts_seen,
           (SELECT max(failures) FROM rows) AS longest_row,
           coalesce((SELECT failures FROM rows ORDER BY row_no DESC LIMIT 1), b.in_row) AS last_row
      FROM b
     CROSS JOIN seen
     CROSS JOIN probes
      LEFT JOIN noted AS last ON last.seq = b.probe_seq
      LEFT JOIN decisive ON true
), verdict AS MATERIALIZED (
    SELECT j.*,
           CASE WHEN state = 'closed' AND longest_row >= failures_in_row THEN 'open'
                WHEN state = 'closed' AND attempts_seen >= least_attempts
                     AND failures_seen >= failure_share * attempts_seen THEN 'open'
                WHEN state = 'open' AND (tries_at <= lapinq_now() OR is_back) THEN 'half_open'
                WHEN state = 'half_open' AND outcome = 'completed' THEN 'closed'
                WHEN state = 'half_open' AND outcome = 'failed' THEN 'open'
                ELSE state
           END AS next,
           (longest_row >= failures_in_row) IS TRUE AS is_row,
           CASE WHEN state = 'closed' THEN retry_after_seconds
                ELSE least(2 * pause_seconds, longest_pause)
           END AS next_pause
      FROM judged j
), changed AS (
    UPDATE lapinq_circuit_breakers x
       SET state = v.next,
           since = CASE WHEN v.next <> v.state THEN lapinq_now() ELSE v.since END,
           since_seq = CASE WHEN v.next = v.state THEN v.since_seq
                            ELSE (SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM lapinq_claim_seq) END,
           in_row = CASE WHEN v.next = 'closed' AND v.state = 'closed' THEN v.last_row ELSE 0 END,
           failures = CASE WHEN v.state <> 'closed' OR v.next <> 'open' THEN v.failures
                           WHEN v.is_row THEN v.longest_row ELSE v.failures_seen END,
           attempts = CASE WHEN v.state <> 'closed' OR v.next <> 'open' THEN v.attempts
                           WHEN NOT v.is_row THEN v.attempts_seen END,
           failed_task_id = CASE WHEN v.next <> 'open' OR v.state = 'open' THEN v.failed_task_id
                                 WHEN v.state = 'half_open' THEN v.decisive_id
                                 ELSE (SELECT task_id
                                         FROM counted
                                        WHERE has_failed
                                        ORDER BY finished_at DESC, seq DESC
                                        LIMIT 1) END,
           opened_at = CASE WHEN v.state = 'closed' AND v.next = 'open' THEN lapinq_now() ELSE v.opened_at END,
           pause_seconds = CASE WHEN v.next = 'open' AND v.state <> 'open' THEN v.next_pause
                                ELSE v.pause_seconds END,
           tries_at = CASE WHEN v.next = 'open' AND v.state <> 'open'
                           THEN lapinq_now() + v.next_pause * interval '1 second' ELSE v.tries_at END,
           probe_id = CASE WHEN v.next = 'half_open' AND NOT v.is_next_tried THEN v.probe_id END,
           probe_seq = CASE WHEN v.next = 'half_open' AND NOT v.is_next_tried THEN v.probe_seq END,
           first_seq = coalesce((SELECT min(seq) FROM noted WHERE is_running), (SELECT max(seq) FROM noted), v.first_seq),
           judged_at = lapinq_now()
      FROM verdict v
     WHERE x.kind = v.kind
       AND x.name = v.name
       AND (v.next <> v.state OR v.is_next_tried OR EXISTS (SELECT FROM ended))
), added AS (
    INSERT INTO lapinq_circuit_breaker_counts AS x (queue_name, task_name, slice, failures, attempts)
    SELECT v.queue_name, v.task_name, s.slice, s.failures, s.attempts
      FROM verdict v
      JOIN slices s ON s.slice > v.slice - 20 AND s.slice <= v.slice
     WHERE v.next = 'closed'
        ON CONFLICT (kind, name, slice) DO UPDATE
       SET failures = x.failures + excluded.failures,
           attempts = x.attempts + excluded.attempts
), forgotten AS (
    DELETE FROM lapinq_circuit_breaker_counts x
     USING verdict v
     WHERE x.kind = v.kind
       AND x.name = v.name
       AND (v.next <> 'closed' OR x.slice <= v.slice - 20 OR x.slice > v.slice)
)
SELECT next FROM verdict WHERE next <> state
