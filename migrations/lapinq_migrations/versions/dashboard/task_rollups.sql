-- What happened to the tasks of one name in a queue between since and span seconds later, as lapinq_rollups tells of
-- whole queues. Rows add up: workers append them, maintenance folds and prunes them.
CREATE TABLE lapinq_task_rollups (
    span       integer     NOT NULL,
    since      timestamptz NOT NULL,
    queue_name text        NOT NULL,
    task_name  text        NOT NULL,
    completed  bigint      NOT NULL DEFAULT 0,
    failed     bigint      NOT NULL DEFAULT 0,
    retried    bigint      NOT NULL DEFAULT 0,
    runs       bigint[]    NOT NULL DEFAULT '{}'
) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);

CREATE INDEX lapinq_task_rollups_since ON lapinq_task_rollups (span, since);
CREATE INDEX lapinq_task_rollups_task ON lapinq_task_rollups (task_name, span, since);
CREATE INDEX lapinq_task_rollups_queue ON lapinq_task_rollups (queue_name, span, since);
