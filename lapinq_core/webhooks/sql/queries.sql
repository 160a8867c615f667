-- name: get_webhook
-- One webhook by the id of its event: its queue, and the webhook as the API shows it.
-- Locks nothing. Relies on lapinq_webhooks_id_key.
SELECT o.queue_name, row_to_json(o)::text
  FROM (SELECT id, task_id, queue_name, task_name, url, status, state, tries, finished_at AS created_at,
               CASE WHEN state = 'pending' THEN due_at END AS due_at, tried_at, answer, failure
          FROM lapinq_webhooks
         WHERE id = %(id)s::uuid) AS o
