-- Makes a webhook due now, in any state, with retries for another day. Returns its queue, its task, and the webhook as
-- the API shows it; no row for an unknown id. A delivery under way no longer settles it.
-- Locks the row. Relies on lapinq_webhooks_id_key.
WITH resent AS (
    UPDATE lapinq_webhooks
       SET state = 'pending', tries = 0, retry_since = lapinq_now(), due_at = lapinq_now(), answer = NULL, failure = NULL
     WHERE id = %(id)s::uuid
    RETURNING *
)
SELECT o.queue_name, o.task_id::text, row_to_json(o)::text
  FROM (SELECT id, task_id, queue_name, task_name, url, status, state, tries, finished_at AS created_at,
               due_at, tried_at, answer, failure
          FROM resent) AS o
