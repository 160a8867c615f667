-- The tables that carry a task from enqueue to its end. No wide row is ever rewritten: what was asked is written once,
-- where the task stands is told by narrow rows that are inserted and deleted, how attempts ended is appended.

-- The one clock. Leases, due times and time to live are all compared against it.
CREATE FUNCTION lapinq_now() RETURNS timestamptz
    LANGUAGE sql STABLE PARALLEL SAFE
    AS 'SELECT statement_timestamp()';

-- What was asked, written once at enqueue. Partitioned by id, and so by time, for an id is a UUIDv7.
CREATE TABLE lapinq_tasks (
    id            uuid             NOT NULL,
    queue_name    text             NOT NULL,
    task_name     text             NOT NULL,
    module_path   text             NOT NULL,
    args          json             NOT NULL,
    kwargs        json             NOT NULL,
    max_retries   integer          NOT NULL,
    priority      integer          NOT NULL,
    retry_delay   double precision NOT NULL,
    retry_backoff boolean          NOT NULL,
    ttl_seconds   double precision,
    metadata      jsonb,
    webhook_url   text,
    created_at    timestamptz      NOT NULL,
    scheduled_at  timestamptz,
    expires_at    timestamptz,
    CONSTRAINT lapinq_tasks_pkey PRIMARY KEY (id)
) PARTITION BY RANGE (id);

CREATE INDEX lapinq_tasks_expires_at ON lapinq_tasks (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE lapinq_tasks_default PARTITION OF lapinq_tasks DEFAULT;

-- What may be claimed now. rank = -priority; seq is given on entry, so the order of entry is the order of start.
-- A claim deletes from it.
CREATE TABLE lapinq_ready (
    queue_name text        NOT NULL,
    rank       bigint      NOT NULL,
    seq        bigint      NOT NULL GENERATED ALWAYS AS IDENTITY (CACHE 1),
    id         uuid        NOT NULL,
    starts     integer     NOT NULL DEFAULT 0,
    expires_at timestamptz,
    CONSTRAINT lapinq_ready_pkey PRIMARY KEY (id)
) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);

CREATE INDEX lapinq_ready_claim ON lapinq_ready (queue_name, rank, seq);
CREATE INDEX lapinq_ready_expires_at ON lapinq_ready (expires_at) WHERE expires_at IS NOT NULL;

-- What may be claimed later: scheduled tasks and retries that wait. A promoter moves what is due to lapinq_ready.
CREATE TABLE lapinq_delayed (
    id         uuid        NOT NULL,
    due_at     timestamptz NOT NULL,
    queue_name text        NOT NULL,
    rank       bigint      NOT NULL,
    starts     integer     NOT NULL DEFAULT 0,
    expires_at timestamptz,
    CONSTRAINT lapinq_delayed_pkey PRIMARY KEY (id)
) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);

CREATE INDEX lapinq_delayed_due_at ON lapinq_delayed (due_at, id);
CREATE INDEX lapinq_delayed_expires_at ON lapinq_delayed (expires_at) WHERE expires_at IS NOT NULL;

-- The lease of a running attempt. token is random, made by the worker for the claim: every write to the attempt
-- matches it. seq only grows, so a later claim of the same task always has a greater one.
CREATE SEQUENCE lapinq_claim_seq;

CREATE TABLE lapinq_running (
    id               uuid        NOT NULL,
    token            uuid        NOT NULL,
    seq              bigint      NOT NULL DEFAULT nextval('lapinq_claim_seq'),
    worker_id        uuid        NOT NULL,
    queue_name       text        NOT NULL,
    rank             bigint      NOT NULL,
    attempt          integer     NOT NULL,
    claimed_at       timestamptz NOT NULL,
    deadline_at      timestamptz NOT NULL,
    expires_at       timestamptz,
    progress         smallint,
    progress_message text,
    cancel_requested_at timestamptz,
    CONSTRAINT lapinq_running_pkey PRIMARY KEY (id),
    CONSTRAINT lapinq_running_progress_check CHECK (progress BETWEEN 0 AND 100)
) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);

ALTER SEQUENCE lapinq_claim_seq OWNED BY lapinq_running.seq;

-- One row appended at the end of each attempt, and of a task that ends without a start (attempt 0 or the starts so
-- far, no worker, no token). The final one gives the task's status.
CREATE TABLE lapinq_attempts (
    task_id     uuid        NOT NULL,
    attempt     integer     NOT NULL,
    final       boolean     NOT NULL,
    outcome     text        NOT NULL,
    result      text,
    error       text,
    traceback   text,
    run_seconds double precision,
    claimed_at  timestamptz,
    finished_at timestamptz NOT NULL,
    worker_id   uuid,
    token       uuid,
    CONSTRAINT lapinq_attempts_outcome_check
        CHECK (outcome IN ('completed', 'failed', 'cancelled', 'expired') OR NOT final AND outcome = 'released')
) PARTITION BY RANGE (task_id);

CREATE UNIQUE INDEX lapinq_attempts_final ON lapinq_attempts (task_id) INCLUDE (outcome) WHERE final;
CREATE INDEX lapinq_attempts_earlier ON lapinq_attempts (task_id, attempt) WHERE NOT final;
CREATE INDEX lapinq_attempts_unsuccessful ON lapinq_attempts (outcome, task_id) WHERE final AND outcome <> 'completed';

CREATE TABLE lapinq_attempts_default PARTITION OF lapinq_attempts DEFAULT;

-- Fire and forget (ttl_seconds 0): claimed by deleting, no history, gone after a crash of the database.
CREATE UNLOGGED TABLE lapinq_transient (
    seq         bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    queue_name  text   NOT NULL,
    rank        bigint NOT NULL,
    task_name   text   NOT NULL,
    module_path text   NOT NULL,
    args        json   NOT NULL,
    kwargs      json   NOT NULL,
    metadata    jsonb,
    due_at      timestamptz NOT NULL,
    CONSTRAINT lapinq_transient_pkey PRIMARY KEY (queue_name, rank, seq)
);

-- Tasks by queue and status as deltas that are only ever appended; their sum is exact in any snapshot. Upkeep folds
-- them. What runs is counted from lapinq_running.
CREATE TABLE lapinq_counts (
    queue_name text   NOT NULL,
    pending    bigint NOT NULL DEFAULT 0,
    completed  bigint NOT NULL DEFAULT 0,
    failed     bigint NOT NULL DEFAULT 0,
    cancelled  bigint NOT NULL DEFAULT 0,
    expired    bigint NOT NULL DEFAULT 0
) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);

-- One row a worker boot. A worker whose beat is older than its lease is declared dead once and never comes back:
-- the process behind it registers anew.
CREATE TABLE lapinq_workers (
    id            uuid             NOT NULL,
    name          text             NOT NULL,
    hostname      text             NOT NULL,
    pid           integer          NOT NULL,
    version       text             NOT NULL,
    queues        text[],
    pool          text             NOT NULL,
    concurrency   integer          NOT NULL,
    lease_seconds double precision NOT NULL,
    started_at    timestamptz      NOT NULL,
    beat_at       timestamptz      NOT NULL,
    dead_at       timestamptz,
    CONSTRAINT lapinq_workers_pkey PRIMARY KEY (id)
) WITH (fillfactor = 50);

-- Where a task stands, said once. A task with no final attempt and no lease is pending.
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
       r.progress,
       r.progress_message,
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
       f.finished_at AS completed_at
  FROM lapinq_tasks t
  LEFT JOIN lapinq_attempts f ON f.task_id = t.id AND f.final
  LEFT JOIN lapinq_running r ON r.id = t.id
  LEFT JOIN lapinq_ready w ON w.id = t.id
  LEFT JOIN lapinq_delayed d ON d.id = t.id;

-- Makes the weekly partitions of tasks and attempts from the current week to weeks_ahead weeks from now, and answers
-- how many it made. Safe to run from anywhere at any time: one session at a time does the work, others answer 0.
-- Rows that a wrong clock put into the default partition move to the new one.
CREATE FUNCTION lapinq_ensure_partitions(weeks_ahead integer) RETURNS integer
    LANGUAGE plpgsql
    AS $$
DECLARE
    made integer := 0;
    week timestamptz;
    lower_id uuid;
    upper_id uuid;
    parent text;
    key text;
    partition text;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtext('lapinq_ensure_partitions')) THEN
        RETURN 0;
    END IF;
    FOR n IN 0..weeks_ahead LOOP
        week := date_trunc('week', lapinq_now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' + n * interval '7 days';
        lower_id := (lpad(to_hex((extract(epoch FROM week) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid;
        upper_id := (lpad(to_hex((extract(epoch FROM week + interval '7 days') * 1000)::bigint), 12, '0')
                     || repeat('0', 20))::uuid;
        FOREACH parent IN ARRAY ARRAY['lapinq_tasks', 'lapinq_attempts'] LOOP
            partition := parent || to_char(week AT TIME ZONE 'UTC', '_YYYYMMDD');
            CONTINUE WHEN to_regclass(partition) IS NOT NULL;
            key := CASE parent WHEN 'lapinq_tasks' THEN 'id' ELSE 'task_id' END;
            -- LIKE and ATTACH instead of PARTITION OF: the parent stays readable and writable meanwhile.
            EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', partition, parent);
            EXECUTE format('LOCK TABLE %I IN ACCESS EXCLUSIVE MODE', parent || '_default');
            EXECUTE format('WITH moved AS (DELETE FROM %I WHERE %I >= $1 AND %I < $2 RETURNING *) '
                           'INSERT INTO %I SELECT * FROM moved', parent || '_default', key, key, partition)
                USING lower_id, upper_id;
            EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                           parent, partition, lower_id, upper_id);
            made := made + 1;
        END LOOP;
    END LOOP;
    RETURN made;
END
$$;

SELECT lapinq_ensure_partitions(2);
