-- Ends running attempts that found a named limit exhausted: the limit closes, and the task is pending again without
-- having used up a start. If it takes from that limit it keeps its place in ready, where it waits until the limit opens;
-- else it is delayed for the same time.
-- Takes arrays: `names` are the limits, `seconds` for how long they close. Nothing happens to a task whose limit does not
-- exist. A task that somebody asked to stop is cancelled.
-- Returns how many were still ours, the queues in which some of them are ready again, and the ids without a limit.
-- A row with another token belongs to a later claim and stays. Locks running rows in the order given: ascending ids.
-- Relies on lapinq_running_pkey; joins as complete.sql does.
WITH input AS MATERIALIZED (
    SELECT *, EXISTS (SELECT FROM lapinq_limits WHERE lapinq_limits.name = i.name) AS is_known
      FROM unnest(%(ids)s::uuid[], %(tokens)s::uuid[], %(seqs)s::bigint[], %(names)s::text[], %(seconds)s::float8[],
                  %(errors)s::text[], %(run_seconds)s::float8[], %(logs)s::text[])
           AS i (id, token, seq, name, seconds, error, run_seconds, logs)
), ended AS (
    DELETE FROM lapinq_running r
     USING input i
     WHERE r.id = ANY (ARRAY[i.id])
       AND r.token = i.token
       AND i.is_known
    RETURNING r.id, r.token, r.queue_name, r.rank, r.attempt, r.worker_id, r.claimed_at, r.expires_at, r.isolation,
              r.progress, r.progress_message, r.lane, r.units, i.seq, i.name, i.seconds, i.error, i.run_seconds, i.logs,
              r.cancel_requested_at IS NOT NULL AS cancelled,
              i.seconds <= 0
              OR r.units IS NOT NULL AND i.name = ANY (string_to_array(split_part(r.lane, chr(31), 2), ',')) AS stays
), recorded AS (
    INSERT INTO lapinq_attempts (task_id, attempt, final, outcome, error, run_seconds, claimed_at, finished_at, worker_id,
                                 token, logs, progress, progress_message)
    SELECT id, attempt, cancelled, CASE WHEN cancelled THEN 'cancelled' ELSE 'released' END, error, run_seconds,
           claimed_at, lapinq_now(), worker_id, token, logs, progress, progress_message
      FROM ended
), ready AS (
    INSERT INTO lapinq_ready (queue_name, rank, seq, id, starts, expires_at, isolation, since, lane, units)
    OVERRIDING SYSTEM VALUE
    SELECT queue_name, rank, seq, id, attempt - 1, expires_at, isolation, lapinq_now(), lane, units
      FROM ended
     WHERE NOT cancelled
       AND stays
), delayed AS (
    INSERT INTO lapinq_delayed (id, due_at, queue_name, rank, starts, expires_at, isolation, lane, units)
    SELECT id, lapinq_now() + seconds * interval '1 second', queue_name, rank, attempt - 1, expires_at, isolation, lane,
           units
      FROM ended
     WHERE NOT cancelled
       AND NOT stays
), counted AS (
    INSERT INTO lapinq_counts (queue_name, pending, cancelled)
    SELECT queue_name, count(*) FILTER (WHERE NOT cancelled), count(*) FILTER (WHERE cancelled)
      FROM ended
     GROUP BY queue_name
), told_lanes AS (
    INSERT INTO lapinq_lane_news (queue_name, lanes)
    SELECT queue_name, array_agg(lane)
      FROM ended
     WHERE lane IS NOT NULL
     GROUP BY queue_name
), closed AS (
    INSERT INTO lapinq_limit_news (limit_name, closed_until)
    SELECT name, lapinq_now() + max(seconds) * interval '1 second'
      FROM ended
     WHERE seconds > 0
     GROUP BY name
)
SELECT (SELECT count(*) FROM ended),
       ARRAY(SELECT DISTINCT queue_name FROM ended WHERE NOT cancelled AND stays),
       ARRAY(SELECT id::text FROM input WHERE NOT is_known)
