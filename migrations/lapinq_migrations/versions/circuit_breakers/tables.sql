-- The circuit breaker of a queue or a task name: its rules, and its state, which changes under the lock of the queue's row, or
-- of this one for a task name. `kind` and `name` say whose it is, in all three tables. They are made of `queue_name` and
-- `task_name`, which the previous release writes and identifies rows by, through the views.
CREATE TABLE lapinq_circuit_breakers (
    queue_name          text,
    task_name           text,
    kind                text             GENERATED ALWAYS AS (CASE WHEN task_name IS NULL THEN 'queue' ELSE 'task' END) STORED,
    name                text             GENERATED ALWAYS AS (coalesce(queue_name, task_name)) STORED,
    failures_in_row     integer, -- NULL, as below: no such rule
    failure_share       double precision,
    window_seconds      double precision NOT NULL,
    least_attempts      integer          NOT NULL,
    retry_after_seconds double precision NOT NULL,
    source              text, -- the module that declares it; a queue's policy has its own
    state               text             NOT NULL DEFAULT 'closed',
    since               timestamptz      NOT NULL,
    since_seq           bigint           NOT NULL, -- attempts that started up to then say nothing about this state
    first_seq           bigint           NOT NULL DEFAULT 0, -- the first noted attempt that still ran at the last look
    in_row              integer          NOT NULL DEFAULT 0, -- the last attempts that failed, while it is closed
    -- Why it opened: so many attempts failed, of so many in the window; NULL: in a row. The last of them.
    failures            integer,
    attempts            integer,
    failed_task_id      uuid,
    opened_at           timestamptz, -- for the first time since it was closed
    pause_seconds       double precision,
    tries_at            timestamptz,
    probe_id            uuid,
    probe_seq           bigint, -- of its claim, or of its admission
    judged_at           timestamptz, -- when ends were last counted
    told_state          text             NOT NULL DEFAULT 'closed', -- rules have heard of it
    let_go              uuid[]           NOT NULL DEFAULT '{}', -- parked tasks that may become the probe, one of each queue
    let_go_at           timestamptz,
    CONSTRAINT lapinq_circuit_breakers_pkey PRIMARY KEY (kind, name),
    CONSTRAINT lapinq_circuit_breakers_queue_name_key UNIQUE (queue_name),
    CONSTRAINT lapinq_circuit_breakers_task_name_key UNIQUE (task_name),
    CONSTRAINT lapinq_circuit_breakers_name_check CHECK (num_nonnulls(queue_name, task_name) = 1),
    CONSTRAINT lapinq_circuit_breakers_rule_check CHECK (num_nonnulls(failures_in_row, failure_share) > 0),
    CONSTRAINT lapinq_circuit_breakers_failures_in_row_check CHECK (failures_in_row >= 1),
    CONSTRAINT lapinq_circuit_breakers_failure_share_check CHECK (failure_share > 0 AND failure_share <= 1),
    CONSTRAINT lapinq_circuit_breakers_window_seconds_check CHECK (window_seconds > 0),
    CONSTRAINT lapinq_circuit_breakers_least_attempts_check CHECK (least_attempts >= 1),
    CONSTRAINT lapinq_circuit_breakers_retry_after_seconds_check CHECK (retry_after_seconds > 0),
    CONSTRAINT lapinq_circuit_breakers_state_check CHECK (state IN ('closed', 'open', 'half_open')),
    CONSTRAINT lapinq_circuit_breakers_open_check
        CHECK (state = 'closed' OR num_nulls(failures, opened_at, pause_seconds, tries_at) = 0)
);

-- Attempts whose ends have not been counted. `claimed_at` as in lapinq_running and lapinq_attempts.
CREATE TABLE lapinq_circuit_breaker_starts (
    kind       text        NOT NULL,
    name       text        NOT NULL,
    seq        bigint      NOT NULL, -- of the claim, or of the admission, from the same sequence
    task_id    uuid        NOT NULL,
    claimed_at timestamptz NOT NULL,
    CONSTRAINT lapinq_circuit_breaker_starts_pkey PRIMARY KEY (kind, name, seq)
) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);

-- How many attempts ended in a twentieth of the window, for breakers with a share of failures.
CREATE TABLE lapinq_circuit_breaker_counts (
    queue_name text,
    task_name  text,
    kind       text    GENERATED ALWAYS AS (CASE WHEN task_name IS NULL THEN 'queue' ELSE 'task' END) STORED,
    name       text    GENERATED ALWAYS AS (coalesce(queue_name, task_name)) STORED,
    slice      bigint  NOT NULL, -- seconds since 1970 over its length
    failures   integer NOT NULL,
    attempts   integer NOT NULL,
    CONSTRAINT lapinq_circuit_breaker_counts_pkey PRIMARY KEY (kind, name, slice),
    CONSTRAINT lapinq_circuit_breaker_counts_queue_name_key UNIQUE (queue_name, slice),
    CONSTRAINT lapinq_circuit_breaker_counts_task_name_key UNIQUE (task_name, slice)
);
