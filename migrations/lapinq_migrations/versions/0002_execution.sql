-- Columns that workers need to keep time limits, to stop what runs, and to keep what an attempt said. All may be left out
-- of an INSERT, for the release before goes on writing here.

-- How long one attempt may take; without it the worker's own limit holds.
ALTER TABLE lapinq_tasks ADD COLUMN timeout_seconds double precision;
ALTER TABLE lapinq_transient ADD COLUMN timeout_seconds double precision;

-- How apart from others the next attempt must run, for an earlier one took its process along: 0 anywhere, 1 in a process
-- of its own, 2 in a fresh one.
ALTER TABLE lapinq_ready ADD COLUMN isolation smallint NOT NULL DEFAULT 0;
ALTER TABLE lapinq_delayed ADD COLUMN isolation smallint NOT NULL DEFAULT 0;
ALTER TABLE lapinq_running ADD COLUMN isolation smallint NOT NULL DEFAULT 0;

-- What an attempt logged, and how far it had come.
ALTER TABLE lapinq_attempts ADD COLUMN logs text;
ALTER TABLE lapinq_attempts ADD COLUMN progress smallint;
ALTER TABLE lapinq_attempts ADD COLUMN progress_message text;

-- A worker asks with each beat which of its tasks are to be stopped. Not CONCURRENTLY: the table holds what runs, which
-- is little, and the index nearly nothing.
CREATE INDEX lapinq_running_cancel_requested ON lapinq_running (worker_id) WHERE cancel_requested_at IS NOT NULL;

-- What is said of a queue; one with no row is as any other. No task is claimed from a paused queue.
CREATE TABLE lapinq_queues (
    name      text        NOT NULL,
    paused_at timestamptz,
    CONSTRAINT lapinq_queues_pkey PRIMARY KEY (name)
);

-- The view again, with the progress that a finished attempt had made, and the time limit.
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
       CASE WHEN f.outcome IS NULL AND r.id IS NULL THEN coalesce(d.due_at, t.scheduled_at) ELSE t.scheduled_at END
           AS scheduled_at,
       coalesce(f.claimed_at, r.claimed_at) AS started_at,
       f.finished_at AS completed_at,
       t.timeout_seconds,
       r.cancel_requested_at,
       r.seq AS claim_seq
  FROM lapinq_tasks t
  LEFT JOIN lapinq_attempts f ON f.task_id = t.id AND f.final
  LEFT JOIN lapinq_running r ON r.id = t.id
  LEFT JOIN lapinq_ready w ON w.id = t.id
  LEFT JOIN lapinq_delayed d ON d.id = t.id;
