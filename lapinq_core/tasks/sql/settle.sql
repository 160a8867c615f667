-- Settles running attempts that did not complete: an attempt appended, and the task failed, cancelled or pending again.
-- Takes a JSON array of objects: `final` fails the task, or cancels it if `cancelled`; otherwise it waits `delay`
-- seconds, and `counts` says whether the attempt used up a start. `isolation` is the least isolation of the next
-- attempt. `rescued` records no token, by which its holder would recognize its own write. A task that somebody asked to
-- stop does not wait again, however its attempt ended: it is cancelled. If a failing task names a webhook, that is left
-- for delivery; only then is the task itself read.
-- Returns the ids that were still ours, each with its queue if it is ready again.
-- A row with another token belongs to a later claim and stays. Locks running rows in the order given: ascending ids.
-- Relies on lapinq_running_pkey; joins as complete.sql does.
WITH input AS MATERIALIZED (
    SELECT *
      FROM json_to_recordset(%(attempts)s::json) AS i (
           id uuid, token uuid, final boolean, counts boolean, delay float8, error text, traceback text,
           run_seconds float8, rescued boolean, cancelled boolean, isolation smallint, logs text)
), ended AS (
    DELETE FROM lapinq_running r
     USING input i
     WHERE r.id = ANY (ARRAY[i.id])
       AND r.token = i.token
    RETURNING r.id, CASE WHEN NOT coalesce(i.rescued, false) THEN r.token END AS token, r.queue_name, r.rank, r.attempt,
              r.worker_id, r.claimed_at, r.expires_at, r.progress, r.progress_message, r.has_webhook,
              greatest(r.isolation, i.isolation) AS isolation,
              i.final OR coalesce(i.cancelled, false) OR r.cancel_requested_at IS NOT NULL AS final,
              coalesce(i.cancelled, false) OR r.cancel_requested_at IS NOT NULL AS cancelled,
              i.counts, i.delay, i.error, i.traceback, i.run_seconds, i.logs
), recorded AS (
    INSERT INTO lapinq_attempts (task_id, attempt, final, outcome, error, traceback, run_seconds, claimed_at,
                                 finished_at, worker_id, token, logs, progress, progress_message)
    SELECT id, attempt, final,
           CASE WHEN cancelled THEN 'cancelled' WHEN counts THEN 'failed' ELSE 'released' END,
           error, traceback, run_seconds, claimed_at, lapinq_now(), worker_id, token, logs, progress, progress_message
      FROM ended
), ready AS (
    INSERT INTO lapinq_ready (queue_name, rank, id, starts, expires_at, isolation)
    SELECT queue_name, rank, id, CASE WHEN counts THEN attempt ELSE attempt - 1 END, expires_at, isolation
      FROM ended
     WHERE NOT final
       AND coalesce(delay, 0) <= 0
     ORDER BY id
), delayed AS (
    INSERT INTO lapinq_delayed (id, due_at, queue_name, rank, starts, expires_at, isolation)
    SELECT id, lapinq_now() + delay * interval '1 second', queue_name, rank,
           CASE WHEN counts THEN attempt ELSE attempt - 1 END, expires_at, isolation
      FROM ended
     WHERE NOT final
       AND delay > 0
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
)
SELECT id::text, CASE WHEN NOT final AND coalesce(delay, 0) <= 0 THEN queue_name END FROM ended
