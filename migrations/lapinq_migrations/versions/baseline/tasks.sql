-- A task from enqueue to its end. A wide row is written once and never updated: lapinq_tasks holds the task,
-- narrow rows that are inserted and deleted say where it is (lapinq_ready, lapinq_delayed, lapinq_running), and
-- lapinq_attempts gets a row for the end of each attempt.

-- The only clock: leases, due times and times to live are all compared with it.
CREATE FUNCTION lapinq_now() RETURNS timestamptz
    LANGUAGE sql STABLE PARALLEL SAFE
    AS 'SELECT statement_timestamp()';

-- The task as it was enqueued. Partitioned by id, and so by time: an id is a UUIDv7.
CREATE TABLE lapinq_tasks (
    id              uuid             NOT NULL,
    queue_name      text             NOT NULL,
    task_name       text             NOT NULL,
    module_path     text             NOT NULL,
    args            json             NOT NULL,
    kwargs          json             NOT NULL,
    max_retries     integer          NOT NULL,
    priority        integer          NOT NULL,
    retry_delay     double precision NOT NULL,
    retry_backoff   boolean          NOT NULL,
    ttl_seconds     double precision,
    metadata        jsonb,
    webhook_url     text,
    created_at      timestamptz      NOT NULL,
    scheduled_at    timestamptz,
    expires_at      timestamptz,
    timeout_seconds double precision, -- of one attempt; NULL: the worker's limit
    request_id      text,             -- of the request that enqueued it, if one did
    CONSTRAINT lapinq_tasks_pkey PRIMARY KEY (id)
) PARTITION BY RANGE (id);

CREATE INDEX lapinq_tasks_expires_at ON lapinq_tasks (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE lapinq_tasks_default PARTITION OF lapinq_tasks DEFAULT;

-- Tasks that may start now. A claim deletes from it, in order of rank and seq.
CREATE TABLE lapinq_ready (
    queue_name text        NOT NULL,
    rank       bigint      NOT NULL,           -- -priority
    seq        bigint      NOT NULL GENERATED ALWAYS AS IDENTITY (CACHE 1),
    id         uuid        NOT NULL,
    starts     integer     NOT NULL DEFAULT 0, -- so far
    expires_at timestamptz,
    isolation  smallint    NOT NULL DEFAULT 0, -- of the next attempt: decide.Isolation
    CONSTRAINT lapinq_ready_pkey PRIMARY KEY (id)
) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);

CREATE INDEX lapinq_ready_claim ON lapinq_ready (queue_name, rank, seq);
CREATE INDEX lapinq_ready_expires_at ON lapinq_ready (expires_at) WHERE expires_at IS NOT NULL;

-- Tasks that may start later: scheduled ones, and retries during their delay. Promotion moves due ones to lapinq_ready.
CREATE TABLE lapinq_delayed (
    id         uuid        NOT NULL,
    due_at     timestamptz NOT NULL,
    queue_name text        NOT NULL,
    rank       bigint      NOT NULL,
    starts     integer     NOT NULL DEFAULT 0,
    expires_at timestamptz,
    isolation  smallint    NOT NULL DEFAULT 0,
    CONSTRAINT lapinq_delayed_pkey PRIMARY KEY (id)
) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);

CREATE INDEX lapinq_delayed_due_at ON lapinq_delayed (due_at, id);
CREATE INDEX lapinq_delayed_expires_at ON lapinq_delayed (expires_at) WHERE expires_at IS NOT NULL;

CREATE SEQUENCE lapinq_claim_seq;

-- The lease of a running attempt.
CREATE TABLE lapinq_running (
    id                  uuid        NOT NULL,
    token               uuid        NOT NULL, -- random, made by the worker; every write to the attempt matches it
    seq                 bigint      NOT NULL DEFAULT nextval('lapinq_claim_seq'), -- a later claim has a greater one
    worker_id           uuid        NOT NULL,
    queue_name          text        NOT NULL,
    rank                bigint      NOT NULL,
    attempt             integer     NOT NULL,
    claimed_at          timestamptz NOT NULL,
    deadline_at         timestamptz NOT NULL,
    expires_at          timestamptz,
    progress            smallint,
    progress_message    text,
    cancel_requested_at timestamptz,
    isolation           smallint    NOT NULL DEFAULT 0,
    has_webhook         boolean,              -- NULL: unknown, look it up
    logs                text,                 -- the latest lines; the end of the attempt stores all of them
    CONSTRAINT lapinq_running_pkey PRIMARY KEY (id),
    CONSTRAINT lapinq_running_progress_check CHECK (progress BETWEEN 0 AND 100)
) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);

ALTER SEQUENCE lapinq_claim_seq OWNED BY lapinq_running.seq;

-- With each beat a worker asks which of its tasks to stop.
CREATE INDEX lapinq_running_cancel_requested ON lapinq_running (worker_id) WHERE cancel_requested_at IS NOT NULL;

-- How each attempt ended. The final row gives the task its status. A task that ends without a start has a row too, with
-- the number of starts so far and neither worker nor token.
CREATE TABLE lapinq_attempts (
    task_id          uuid        NOT NULL,
    attempt          integer     NOT NULL,
    final            boolean     NOT NULL,
    outcome          text        NOT NULL,
    result           text,
    error            text,
    traceback        text,
    run_seconds      double precision,
    claimed_at       timestamptz,
    finished_at      timestamptz NOT NULL,
    worker_id        uuid,
    token            uuid,
    logs             text,
    progress         smallint,
    progress_message text,
    CONSTRAINT lapinq_attempts_outcome_check
        CHECK (outcome IN ('completed', 'failed', 'cancelled', 'expired') OR NOT final AND outcome = 'released')
) PARTITION BY RANGE (task_id);

CREATE UNIQUE INDEX lapinq_attempts_final ON lapinq_attempts (task_id) INCLUDE (outcome) WHERE final;
CREATE INDEX lapinq_attempts_earlier ON lapinq_attempts (task_id, finished_at) WHERE NOT final;
CREATE INDEX lapinq_attempts_unsuccessful ON lapinq_attempts (outcome, task_id) WHERE final AND outcome <> 'completed';

CREATE TABLE lapinq_attempts_default PARTITION OF lapinq_attempts DEFAULT;

-- Where a task is and how it ended, in one row. Without a final attempt and without a lease it is pending.
CREATE VIEW lapinq_task_details AS
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
       r.seq AS claim_seq,
       t.request_id
  FROM lapinq_tasks t
  LEFT JOIN lapinq_attempts f ON f.task_id = t.id AND f.final
  LEFT JOIN lapinq_running r ON r.id = t.id
  LEFT JOIN lapinq_ready w ON w.id = t.id
  LEFT JOIN lapinq_delayed d ON d.id = t.id;

-- Fire and forget (ttl_seconds 0): a claim deletes the task, nothing is kept, and a crash of the database loses them.
CREATE UNLOGGED TABLE lapinq_transient (
    seq             bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    queue_name      text   NOT NULL,
    rank            bigint NOT NULL,
    task_name       text   NOT NULL,
    module_path     text   NOT NULL,
    args            json   NOT NULL,
    kwargs          json   NOT NULL,
    metadata        jsonb,
    due_at          timestamptz NOT NULL,
    timeout_seconds double precision,
    request_id      text,
    CONSTRAINT lapinq_transient_pkey PRIMARY KEY (queue_name, rank, seq)
);

-- Enqueues that may be repeated under the same key.
CREATE TABLE lapinq_idempotency_keys (
    key        text        NOT NULL,
    digest     bytea       NOT NULL, -- of the request
    task_ids   uuid[]      NOT NULL, -- the answer, with NULL for a fire-and-forget task
    created_at timestamptz NOT NULL,
    CONSTRAINT lapinq_idempotency_keys_pkey PRIMARY KEY (key)
);

CREATE INDEX lapinq_idempotency_keys_created_at ON lapinq_idempotency_keys (created_at);
