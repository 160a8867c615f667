-- The circuit breaker of a task name: its settings, and its state, which changes under the lock of its row. The columns are
-- those of lapinq_breakers, and so are those of the two tables below: the same statements judge both.
CREATE TABLE lapinq_task_breakers (
    task_name           text             NOT NULL,
    failures_in_row     integer          CHECK (failures_in_row >= 1), -- NULL, as below: no such rule
    failure_share       double precision CHECK (failure_share > 0 AND failure_share <= 1),
    window_seconds      double precision NOT NULL CHECK (window_seconds > 0),
    least_attempts      integer          NOT NULL CHECK (least_attempts >= 1),
    retry_after_seconds double precision NOT NULL CHECK (retry_after_seconds > 0),
    state               text             NOT NULL DEFAULT 'closed' CHECK (state IN ('closed', 'open', 'half_open')),
    since               timestamptz      NOT NULL,
    since_seq           bigint           NOT NULL, -- attempts admitted up to then say nothing about this state
    in_row              integer          NOT NULL DEFAULT 0, -- the last attempts that failed, while it is closed
    -- Why it opened: so many attempts failed, of so many in the window; NULL: in a row. The last of them.
    failures            integer,
    attempts            integer,
    failed_task_id      uuid,
    opened_at           timestamptz, -- for the first time since it was closed
    pause_seconds       double precision,
    tries_at            timestamptz,
    probe_id            uuid,
    probe_seq           bigint, -- of its admission
    judged_at           timestamptz, -- when ends were last counted
    told_state          text   NOT NULL DEFAULT 'closed', -- rules have heard of it
    let_go              uuid[] NOT NULL DEFAULT '{}', -- parked tasks that may become the probe, one of each queue
    let_go_at           timestamptz,
    CONSTRAINT lapinq_task_breakers_pkey PRIMARY KEY (task_name),
    CONSTRAINT lapinq_task_breakers_rule_check CHECK (num_nonnulls(failures_in_row, failure_share) > 0),
    CONSTRAINT lapinq_task_breakers_open_check
        CHECK (state = 'closed' OR num_nulls(failures, opened_at, pause_seconds, tries_at) = 0)
);

-- Attempts of such tasks whose ends have not been counted. `claimed_at` as in lapinq_running and lapinq_attempts.
CREATE TABLE lapinq_task_breaker_starts (
    task_name  text        NOT NULL,
    seq        bigint      NOT NULL, -- of the admission, from the same sequence as those of claims
    task_id    uuid        NOT NULL,
    claimed_at timestamptz NOT NULL,
    CONSTRAINT lapinq_task_breaker_starts_pkey PRIMARY KEY (task_name, seq)
) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);

-- How many attempts ended in a twentieth of the window, for breakers with a share of failures.
CREATE TABLE lapinq_task_breaker_counts (
    task_name text    NOT NULL,
    slice     bigint  NOT NULL, -- seconds since 1970 over its length
    failures  integer NOT NULL,
    attempts  integer NOT NULL,
    CONSTRAINT lapinq_task_breaker_counts_pkey PRIMARY KEY (task_name, slice)
);

-- A task that waits for the circuit breaker of its name is delayed, and put off for as long. `parked_seq` is its entry in
-- lapinq_ready, to which it goes back.
ALTER TABLE lapinq_delayed ADD COLUMN parked_for text, ADD COLUMN parked_seq bigint;
