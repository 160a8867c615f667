-- Settles running attempts that did not complete: an attempt appended, and the task failed, cancelled or pending again.
-- Takes arrays: `finals` fails the task, or cancels it if `cancelled`; otherwise it waits the seconds in `delays`, and
-- `counts` says whether the attempt used up a start. `isolations` is the least isolation of the next attempt. That and
-- `logs` may be shorter. `rescued` (of all) records no token, by which its holder would recognize its own write. A task
-- that somebody asked to stop does not wait again, however its attempt ended: it is cancelled. If a failing task names a
-- webhook, that is left for delivery; only then is the task itself read.
-- Returns how many were still ours, and the queues in which some of them are ready again.
-- A row with another token belongs to a later claim and stays. Locks running rows in the order given: ascending ids.
-- Relies on lapinq_running_pkey; joins as complete.sql does.
WITH ended AS (
    DELETE FROM lapinq_running r
     USING unnest(%(ids)s::uuid[], %(tokens)s::uuid[], %(finals)s::boolean[], %(counts)s::boolean[],
                  %(cancelled)s::boolean[], %(delays)s::float8[], %(isolations)s::smallint[], %(seconds)s::float8[],
                  %(errors)s::text[], %(tracebacks)s::text[], %(logs)s::text[])
           AS i (id, token, final, counts, cancelled, delay, isolation, run_seconds, error, traceback, logs)
     WHERE r.id = ANY (ARRAY[i.id])
       AND r.token = i.token
    RETURNING r.id, CASE WHEN NOT %(rescued)s::boolean THEN r.token END AS token, r.queue_name, r.rank, r.attempt,
              r.worker_id, r.claimed_at, r.expires_at, r.progress, r.progress_message, r.has_webhook, r.lane, r.units,
              greatest(r.isolation, i.isolation) AS isolation,
              i.final OR i.cancelled OR r.cancel_requested_at IS NOT NULL AS final,
              i.cancelled OR r.cancel_requested_at IS NOT NULL AS cancelled,
              i.counts, i.delay, i.error, i.traceback, i.run_seconds, i.logs
), recorded AS (
    INSERT INTO lapinq_attempts (task_id, attempt, final, outcome, error, traceback, run_seconds, claimed_at,
                                 finished_at, worker_id, token, logs, progress, progress_message)
    SELECT id, attempt, final,
           CASE WHEN cancelled THEN 'cancelled' WHEN counts THEN 'failed' ELSE 'released' END,
           error, traceback, run_seconds, claimed_at, lapinq_now(), worker_id, token, logs, progress, progress_message
      FROM ended
), ready AS (
    INSERT INTO lapinq_ready (queue_name, rank, id, starts, expires_at, isolation, since, lane, units)
    SELECT queue_name, rank, id, CASE WHEN counts THEN attempt ELSE attempt - 1 END, expires_at, isolation,
           lapinq_now(), lane, units
      FROM ended
     WHERE NOT final
       AND delay <= 0
     ORDER BY id
), delayed AS (
    INSERT INTO lapinq_delayed (id, due_at, queue_name, rank, starts, expires_at, isolation, lane, units)
    SELECT id, lapinq_now() + delay * interval '1 second', queue_name, rank,
           CASE WHEN counts THEN attempt ELSE attempt - 1 END, expires_at, isolation, lane, units
      FROM ended
     WHERE NOT final
       AND delay > 0
     ORDER BY id
), told AS (
    INSERT INTO lapinq_webhooks (task_id, queue_name, task_name, url, status, error, attempt, started_at,
                                 finished_at, retry_since, due_at)
    SELECT e.id, e.queue_name, t.task_name, t.webhook_url, 'failed', e.error, e.attempt, e.claimed_at, lapinq_now(),
           lapinq_now(), lapinq_now()
      FROM ended e
     CROSS JOIN lapinq_webhook_of(e.id) AS t
     WHERE e.has_webhook IS NOT FALSE
       AND e.final
       AND NOT e.cancelled
), counted AS (
    INSERT INTO lapinq_counts (queue_name, pending, failed, cancelled)
    SELECT queue_name, count(*) FILTER (WHERE NOT final), count(*) FILTER (WHERE final AND NOT cancelled),
           count(*) FILTER (WHERE cancelled)
      FROM ended
     GROUP BY queue_name
), told_lanes AS (
    INSERT INTO lapinq_lane_news (queue_name, lanes)
    SELECT queue_name, array_agg(lane)
      FROM ended
     WHERE lane IS NOT NULL
     GROUP BY queue_name
)
SELECT count(*), coalesce(array_agg(DISTINCT queue_name) FILTER (WHERE NOT final AND delay <= 0), '{}') FROM ended
