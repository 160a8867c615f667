-- Task objects as the API shows them, newest first: the id and the object as JSON text. {picked} is a query for the
-- ids (`filters.py`); what it says of a status and what the object shows come from one snapshot.
-- Locks nothing. Relies on the primary keys and lapinq_attempts_final.
WITH picked AS MATERIALIZED (
    {picked}
)
SELECT o.id::text, row_to_json(o)::text
  FROM (SELECT d.id,
               d.task_name,
               d.queue_name,
               d.module_path,
               d.args,
               d.kwargs,
               d.status,
               d.result,
               d.error,
               d.attempts,
               d.max_retries,
               d.priority,
               d.metadata,
               d.progress,
               d.progress_message,
               d.retry_delay,
               d.retry_backoff,
               d.webhook_url,
               d.ttl_seconds,
               CASE WHEN d.expires_at IS NOT NULL
                    THEN greatest(round(extract(epoch FROM d.expires_at - lapinq_now()), 3), 0)
               END AS ttl_remaining,
               d.worker_id,
               d.created_at,
               d.scheduled_at,
               d.started_at,
               d.completed_at,
               d.timeout_seconds,
               d.request_id
          FROM picked
          JOIN lapinq_task_details d ON d.id = picked.id) AS o
 ORDER BY o.id DESC
