-- Task objects as the API shows them, newest first: the id and the object as JSON text. {picked} is a query for the
-- ids, newest first (`filters.py`); one snapshot serves the filter by status and the object.
-- Each object is built when it is read, in the order of the ids: the limit below makes the rows be looked up one by
-- one, and nothing that contains them is sorted. So a reader that stops early leaves the rest unbuilt.
-- What blocks the pending ones, lapinq_blocks_1 tells for all together, if there is one, and of those that are suspended
-- lapinq_waits_1 the oldest wait. While it may be woken at any time, a task is due at no time.
-- Locks nothing. Relies on the primary keys and lapinq_attempts_final.
WITH picked AS MATERIALIZED (
    {picked}
), blocks AS MATERIALIZED (
    SELECT jsonb_object_agg(first.id, jsonb_build_object('kind', CASE WHEN first.nth = 0 AND first.until = lapinq_never()
                                                                      THEN 'parents'
                                                                      ELSE coalesce(wait.kind, split_part(first.kind, '_', 1))
                                                                 END,
                                                         'name', coalesce(wait.name, first.name))) AS by_id
      FROM (SELECT DISTINCT ON (b.id) b.id, b.nth, b.kind, b.name, b.until
              FROM lapinq_blocks_1(ARRAY(SELECT id FROM picked)) AS b
             ORDER BY b.id, b.nth, b.name) AS first
      LEFT JOIN LATERAL (
           SELECT w.kind, CASE w.kind WHEN 'signal' THEN array_to_string(w.names, '|') ELSE w.child_id::text END AS name
             FROM lapinq_delayed d
            CROSS JOIN LATERAL lapinq_waits_1(d.id, d.starts) AS w
            WHERE d.id = first.id
              AND first.kind IN ('retry', 'schedule')
            ORDER BY w.started_at, w.name, w.occurrence
            LIMIT 1) AS wait ON true
)
SELECT o.id::text, row_to_json(o)::text
  FROM picked
 CROSS JOIN LATERAL (
        SELECT d.id,
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
               CASE WHEN d.status <> 'pending' OR d.scheduled_at < lapinq_until_woken() THEN d.scheduled_at END AS scheduled_at,
               d.started_at,
               d.completed_at,
               d.timeout_seconds,
               d.request_id,
               (SELECT t.rerun_of FROM lapinq_tasks t WHERE t.id = d.id) AS rerun_of,
               d.key,
               d.limits,
               CASE WHEN lapinq_in_workflow(d.id)
                    THEN (SELECT m.workflow_id FROM lapinq_workflow_tasks m WHERE m.task_id = d.id)
               END AS workflow_id,
               CASE WHEN d.status = 'pending' THEN (SELECT by_id FROM blocks) -> d.id::text END AS waiting_for,
               (SELECT t.unique_key FROM lapinq_tasks t WHERE t.id = d.id) AS unique_key
          FROM lapinq_task_details d
         WHERE d.id = picked.id
         LIMIT 1) AS o
