-- What the dashboard shows over time, and what may be asked of a worker. A new table, and columns that may be left out of
-- an INSERT: the release before goes on writing here, and its workers pass over what they are asked.

-- What happened in a queue between `since` and `span` seconds later: attempts started, completed and failed for good, and
-- how long attempts ran and waited, as histograms. Rows add up: workers append them, upkeep folds and prunes them.
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

-- The latest lines that a running attempt logged; all of them are stored with its end.
ALTER TABLE lapinq_running ADD COLUMN logs text;

-- What a worker says of itself with each beat: resident memory of it and its child processes, attempts running, attempts
-- ended a second since the beat before. And what a person asked of it: to claim nothing more, or to end.
ALTER TABLE lapinq_workers
    ADD COLUMN memory_bytes bigint,
    ADD COLUMN running      integer,
    ADD COLUMN rate         double precision,
    ADD COLUMN is_quiet     boolean NOT NULL DEFAULT false,
    ADD COLUMN asked_to     text,
    ADD COLUMN asked_by     text,
    ADD COLUMN asked_at     timestamptz,
    ADD CONSTRAINT lapinq_workers_asked_to_check CHECK (asked_to IN ('quiet', 'stop'));
