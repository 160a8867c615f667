-- Completes running attempts: out of running, a final attempt appended, the count moved, and a webhook left for
-- delivery if the task names one. Only then is the task itself read.
-- Takes arrays of ids, strictly ascending, of tokens and of seconds, and JSON arrays of results as text and of logs, which
-- may be shorter. width_bucket finds the place of an id in its array by bisection; JSON counts places from zero.
-- Returns how many were still ours.
-- A row with another token belongs to a later claim and stays. Locks running rows in ascending order of id.
-- Relies on lapinq_running_pkey, on a pinned connection: by statistics the table looks tiny while it is full of dead
-- rows. Without a join there is only one way to read it.
WITH ended AS (
    DELETE FROM lapinq_running r
     WHERE r.id = ANY (%(ids)s::uuid[])
       AND r.token = (%(tokens)s::uuid[])[width_bucket(r.id, %(ids)s::uuid[])]
    RETURNING r.id, r.token, r.queue_name, r.attempt, r.worker_id, r.claimed_at, r.progress, r.progress_message,
              r.has_webhook, r.lane, width_bucket(r.id, %(ids)s::uuid[]) AS place
), recorded AS (
    INSERT INTO lapinq_attempts (task_id, attempt, final, outcome, result, run_seconds, claimed_at, finished_at,
                                 worker_id, token, logs, progress, progress_message)
    SELECT id, attempt, true, 'completed', %(results)s::jsonb ->> place - 1, (%(seconds)s::float8[])[place],
           claimed_at, lapinq_now(), worker_id, token, %(logs)s::jsonb ->> place - 1, progress, progress_message
      FROM ended
), told AS (
    INSERT INTO lapinq_webhooks (task_id, queue_name, task_name, url, status, result, attempt, started_at,
                                 finished_at, retry_since, due_at)
    SELECT e.id, e.queue_name, t.task_name, t.webhook_url, 'completed', %(results)s::jsonb ->> e.place - 1, e.attempt,
           e.claimed_at, lapinq_now(), lapinq_now(), lapinq_now()
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
