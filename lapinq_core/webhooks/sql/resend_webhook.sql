-- Makes a webhook due now, whatever became of it, with tries for another day. Answers its queue, its task, and itself as
-- the API shows it; no row for an unknown id. A try that is under way meanwhile does not settle it any more.
-- Locks the row. Relies on lapinq_webhooks_id_key.
WITH anew AS (
    UPDATE lapinq_webhooks
       SET state = 'pending', tries = 0, retry_since = lapinq_now(), due_at = lapinq_now(), answer = NULL, failure = NULL
     WHERE id = %(id)s::uuid
    RETURNING *
)
SELECT o.queue_name, o.task_id::text, row_to_json(o)::text
  FROM (SELECT id, task_id, queue_name, task_name, url, status, state, tries, finished_at AS created_at,
               due_at, tried_at, answer, failure
          FROM anew) AS o
