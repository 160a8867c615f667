-- Queues: their settings, how many tasks they hold, and figures over time.

-- Settings of a queue; a queue without a row has the defaults. No task is claimed from a paused queue.
CREATE TABLE lapinq_queues (
    name         text        NOT NULL,
    paused_at    timestamptz,
    paused_by    text,
    pause_reason text,
    CONSTRAINT lapinq_queues_pkey PRIMARY KEY (name)
);

-- Tasks by queue and status, as deltas that are only appended; their sum is exact in any snapshot. Maintenance folds
-- them. Running tasks are counted in lapinq_running.
CREATE TABLE lapinq_counts (
    queue_name text   NOT NULL,
    pending    bigint NOT NULL DEFAULT 0,
    completed  bigint NOT NULL DEFAULT 0,
    failed     bigint NOT NULL DEFAULT 0,
    cancelled  bigint NOT NULL DEFAULT 0,
    expired    bigint NOT NULL DEFAULT 0
) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);

-- What happened in a queue between since and span seconds later: attempts started, completed and failed for good, and
-- histograms of run times and waits. Rows add up: workers append them, maintenance folds and prunes them.
CREATE TABLE lapinq_rollups (
    span       integer     NOT NULL,
    since      timestamptz NOT NULL,
    queue_name text        NOT NULL,
    started    bigint      NOT NULL DEFAULT 0,
    completed  bigint      NOT NULL DEFAULT 0,
    failed     bigint      NOT NULL DEFAULT 0,
    runs       bigint[]    NOT NULL DEFAULT '{}',
    waits      bigint[]    NOT NULL DEFAULT '{}'
) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);

CREATE INDEX lapinq_rollups_since ON lapinq_rollups (span, since);
