-- Completes running attempts: out of running, a final attempt appended, the count moved, and a webhook left for
-- delivery if the task names one. Only then is the task itself read.
-- Takes arrays of ids, tokens and seconds, and JSON arrays of results as text and of logs, which may be shorter.
-- Returns how many were still ours.
-- A row with another token belongs to a later claim and stays. Locks running rows in the order given: ascending ids.
-- Relies on lapinq_running_pkey, on a pinned connection: by statistics the table looks tiny while it is full of dead
-- rows. The array keeps PostgreSQL from walking that whole index in the order of a join on equality.
WITH ended AS (
    DELETE FROM lapinq_running r
     USING ROWS FROM (unnest(%(ids)s::uuid[]), unnest(%(tokens)s::uuid[]), unnest(%(seconds)s::float8[]),
                      json_array_elements_text(%(results)s::json), json_array_elements_text(%(logs)s::json))
           AS i (id, token, run_seconds, result, logs)
     WHERE r.id = ANY (ARRAY[i.id])
       AND r.token = i.token
    RETURNING r.id, r.token, r.queue_name, r.attempt, r.worker_id, r.claimed_at, r.progress, r.progress_message,
              r.has_webhook, r.lane, i.run_seconds, i.result, i.logs
), recorded AS (
    INSERT INTO lapinq_attempts (task_id, attempt, final, outcome, result, run_seconds, claimed_at, finished_at,
                                 worker_id, token, logs, progress, progress_message)
    SELECT id, attempt, true, 'completed', result, run_seconds, claimed_at, lapinq_now(), worker_id, token, logs,
           progress, progress_message
      FROM ended
), told AS (
    INSERT INTO lapinq_webhooks (task_id, queue_name, task_name, url, status, result, attempt, started_at,
                                 finished_at, retry_since, due_at)
    SELECT e.id, e.queue_name, t.task_name, t.webhook_url, 'completed', e.result, e.attempt, e.claimed_at, lapinq_now(),
           lapinq_now(), lapinq_now()
      FROM ended e
     CROSS JOIN lapinq_webhook_of(e.id) AS t
     WHERE e.has_webhook IS NOT FALSE
), counted AS (
    INSERT INTO lapinq_counts (queue_name, completed)
    SELECT queue_name, count(*)
      FROM ended
     GROUP BY queue_name
), told_lanes AS (
    INSERT INTO lapinq_lane_news (queue_name, lanes, rank)
    SELECT queue_name, array_agg(lane), 9223372036854775807 -- nothing came
      FROM ended
     WHERE lane IS NOT NULL
     GROUP BY queue_name
)
SELECT count(*) FROM ended
