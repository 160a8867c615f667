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
