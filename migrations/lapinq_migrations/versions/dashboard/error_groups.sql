-- Errors of one queue, task and kind. Nothing in it depends on the tasks: they may be requeued, deleted or dropped.
CREATE TABLE lapinq_error_groups (
    id           bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
    fingerprint  bytea       NOT NULL, -- of queue, task and kind
    queue_name   text        NOT NULL,
    task_name    text        NOT NULL,
    kind         text        NOT NULL, -- the first line with `*` for the parts that differ
    state        text        NOT NULL DEFAULT 'open',
    state_by     text,                 -- who set it; NULL: it follows from what happened
    state_at     timestamptz,
    state_reason text,
    muted_until  timestamptz,          -- NULL: for good
    regressed_at timestamptz,          -- last time
    first_at     timestamptz NOT NULL,
    last_at      timestamptz NOT NULL,
    failed       bigint      NOT NULL DEFAULT 0, -- tasks that failed for good
    retried      bigint      NOT NULL DEFAULT 0, -- attempts that failed and were followed by another
    sample_task  uuid,                 -- may no longer exist
    sample_error text,
    sample_frame text,                 -- the application's own last frame
    releases     text[]      NOT NULL DEFAULT '{}', -- the newest first
    workers      text[]      NOT NULL DEFAULT '{}',
    CONSTRAINT lapinq_error_groups_pkey PRIMARY KEY (id),
    CONSTRAINT lapinq_error_groups_fingerprint_key UNIQUE (fingerprint),
    CONSTRAINT lapinq_error_groups_state_check CHECK (state IN ('open', 'resolved', 'muted', 'regressed'))
) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);

CREATE INDEX lapinq_error_groups_last_at ON lapinq_error_groups (last_at);
CREATE INDEX lapinq_error_groups_state ON lapinq_error_groups (state, last_at);
CREATE INDEX lapinq_error_groups_queue ON lapinq_error_groups (queue_name, last_at);

-- How often between since and span seconds later. Rows add up: workers append them, maintenance folds and prunes them.
CREATE TABLE lapinq_error_counts (
    group_id bigint      NOT NULL,
    span     integer     NOT NULL,
    since    timestamptz NOT NULL,
    failed   bigint      NOT NULL DEFAULT 0,
    retried  bigint      NOT NULL DEFAULT 0,
    CONSTRAINT lapinq_error_counts_group_id_fkey
        FOREIGN KEY (group_id) REFERENCES lapinq_error_groups (id) ON DELETE CASCADE
) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);

CREATE INDEX lapinq_error_counts_group ON lapinq_error_counts (group_id, span, since);
CREATE INDEX lapinq_error_counts_since ON lapinq_error_counts (span, since);
