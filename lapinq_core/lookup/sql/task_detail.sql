-- One task in detail. Each value that may be large comes with its size in bytes, and is cut to its first `part`
-- characters if it has more than `whole` bytes. No row for an unknown id.
-- Locks nothing. Relies on the primary keys and lapinq_attempts_final.
SELECT d.id::text,
       d.task_name,
       d.queue_name,
       d.module_path,
       d.status,
       d.error,
       d.attempts,
       d.max_retries,
       d.priority,
       d.progress,
       d.progress_message,
       d.retry_delay,
       d.retry_backoff,
       d.webhook_url,
       d.ttl_seconds,
       d.expires_at,
       d.worker_id::text,
       w.name,
       d.created_at,
       t.scheduled_at,
       CASE WHEN later.due_at < lapinq_until_woken() THEN later.due_at END,
       later.parked_for IS NOT NULL,
       coalesce(later.due_at = lapinq_never(), false),
       EXISTS (SELECT FROM lapinq_waits_1(later.id, later.starts)),
       d.started_at,
       d.completed_at,
       d.timeout_seconds,
       d.cancel_requested_at,
       d.request_id,
       d.key,
       d.limits,
       t.unique_key,
       EXISTS (SELECT FROM lapinq_queues q WHERE q.name = d.queue_name AND q.paused_at IS NOT NULL),
       octet_length(v.args),
       CASE WHEN octet_length(v.args) <= %(whole)s::integer THEN v.args ELSE left(v.args, %(part)s::integer) END,
       octet_length(v.kwargs),
       CASE WHEN octet_length(v.kwargs) <= %(whole)s::integer THEN v.kwargs ELSE left(v.kwargs, %(part)s::integer) END,
       octet_length(v.metadata),
       CASE WHEN octet_length(v.metadata) <= %(whole)s::integer THEN v.metadata
            ELSE left(v.metadata, %(part)s::integer) END,
       octet_length(d.result),
       CASE WHEN octet_length(d.result) <= %(whole)s::integer THEN d.result ELSE left(d.result, %(part)s::integer) END
  FROM lapinq_task_details d
  JOIN lapinq_tasks t ON t.id = d.id
  LEFT JOIN lapinq_delayed later ON later.id = %(id)s::uuid
  LEFT JOIN lapinq_workers w ON w.id = d.worker_id
 CROSS JOIN LATERAL (SELECT d.args::text, d.kwargs::text, d.metadata::text) AS v (args, kwargs, metadata)
 WHERE d.id = %(id)s::uuid
