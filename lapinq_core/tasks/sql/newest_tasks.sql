-- Tasks for a list, newest first, with their age and run time by the database's clock, in seconds. {picked} is a query
-- for their ids (`filters.py`). Arguments come as JSON text if they are stored in at most 2,000 bytes, else NULL: reading
-- a large value takes longer than the rest of the row.
-- Locks nothing. Relies on the primary keys and lapinq_attempts_final.
WITH picked AS MATERIALIZED (
    {picked}
)
SELECT d.id::text,
       d.status,
       d.task_name,
       d.queue_name,
       d.attempts,
       d.created_at,
       extract(epoch FROM lapinq_now() - d.created_at)::float8,
       extract(epoch FROM coalesce(d.completed_at, lapinq_now()) - d.started_at)::float8,
       left(d.error, 200),
       d.max_retries,
       d.priority,
       d.scheduled_at,
       d.started_at,
       d.completed_at,
       d.progress,
       d.worker_id::text,
       (SELECT w.name FROM lapinq_workers w WHERE w.id = d.worker_id),
       d.cancel_requested_at IS NOT NULL,
       EXISTS (SELECT FROM lapinq_delayed w WHERE w.id = d.id AND (w.due_at < lapinq_never()) IS TRUE),
       EXISTS (SELECT FROM lapinq_delayed w WHERE w.id = d.id AND w.due_at = lapinq_never()),
       EXISTS (SELECT FROM lapinq_delayed w WHERE w.id = d.id AND EXISTS (SELECT FROM lapinq_waits_1(w.id, w.starts))),
       EXISTS (SELECT FROM lapinq_queues q WHERE q.name = d.queue_name AND q.paused_at IS NOT NULL),
       CASE WHEN pg_column_size(d.args) <= 2000 THEN d.args::text END,
       CASE WHEN pg_column_size(d.kwargs) <= 2000 THEN d.kwargs::text END,
       d.key
  FROM picked
  JOIN lapinq_task_details d ON d.id = picked.id
 ORDER BY d.id DESC
