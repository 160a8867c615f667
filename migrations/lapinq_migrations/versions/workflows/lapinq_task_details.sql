-- Where a task is and how it ended, in one row. Without a final attempt and without a lease it is pending. One that is parked
-- or blocked waits for no time: it shows the time it was enqueued for.
CREATE OR REPLACE VIEW lapinq_task_details AS
SELECT t.id,
       t.task_name,
       t.queue_name,
       t.module_path,
       t.args,
       t.kwargs,
       CASE WHEN f.outcome IS NOT NULL THEN f.outcome
            WHEN r.id IS NOT NULL THEN 'running'
            ELSE 'pending'
       END AS status,
       f.result,
       f.error,
       coalesce(f.attempt, r.attempt, w.starts, d.starts, 0) AS attempts,
       t.max_retries,
       t.priority,
       t.metadata,
       coalesce(f.progress, r.progress) AS progress,
       coalesce(f.progress_message, r.progress_message) AS progress_message,
       t.retry_delay,
       t.retry_backoff,
       t.webhook_url,
       t.ttl_seconds,
       t.expires_at,
       coalesce(f.worker_id, r.worker_id) AS worker_id,
       t.created_at,
       CASE WHEN f.outcome IS NULL AND r.id IS NULL AND d.parked_for IS NULL AND d.due_at < lapinq_never() THEN d.due_at
            ELSE t.scheduled_at
       END AS scheduled_at,
       coalesce(f.claimed_at, r.claimed_at) AS started_at,
       f.finished_at AS completed_at,
       t.timeout_seconds,
       r.cancel_requested_at,
       r.seq AS claim_seq,
       t.request_id,
       t.key,
       t.limits
  FROM lapinq_tasks t
  LEFT JOIN lapinq_attempts f ON f.task_id = t.id AND f.final
  LEFT JOIN lapinq_running r ON r.id = t.id
  LEFT JOIN lapinq_ready w ON w.id = t.id
  LEFT JOIN lapinq_delayed d ON d.id = t.id;
