-- A graph of tasks. `pending` counts its tasks that have not ended, the next five those that have, and `kept` those of which
-- there is still a row in lapinq_tasks.
CREATE TABLE lapinq_workflows (
    id           uuid NOT NULL,
    name         text NOT NULL,
    metadata     jsonb,
    is_open      boolean NOT NULL,
    round        integer NOT NULL DEFAULT 1,
    status       text NOT NULL DEFAULT 'running',
    created_at   timestamptz NOT NULL,
    cancelled_at timestamptz,
    ended_at     timestamptz,
    pending      integer NOT NULL DEFAULT 0,
    completed    integer NOT NULL DEFAULT 0,
    failed       integer NOT NULL DEFAULT 0,
    cancelled    integer NOT NULL DEFAULT 0,
    expired      integer NOT NULL DEFAULT 0,
    deleted      integer NOT NULL DEFAULT 0,
    kept         integer NOT NULL DEFAULT 0,
    CONSTRAINT lapinq_workflows_pkey PRIMARY KEY (id),
    CONSTRAINT lapinq_workflows_status_check CHECK (status IN ('running', 'completed', 'failed', 'cancelled'))
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000,
        autovacuum_vacuum_cost_delay = 0);
CREATE INDEX lapinq_workflows_name ON lapinq_workflows (name, id);
CREATE INDEX lapinq_workflows_status ON lapinq_workflows (status, id);
CREATE INDEX lapinq_workflows_gone ON lapinq_workflows (ended_at) WHERE kept = 0;

-- What only a task of a workflow has. `waits_for`: how many of its parents have not ended, while it is blocked; then 0.
-- `outcome`: how it ended, or `deleted`. `cause`: the parent because of which it was cancelled or failed.
CREATE TABLE lapinq_workflow_tasks (
    task_id       uuid NOT NULL,
    workflow_id   uuid NOT NULL,
    ref           text NOT NULL,
    after_failure text NOT NULL,
    waits_for     integer NOT NULL,
    outcome       text,
    cause         uuid,
    is_gone       boolean NOT NULL DEFAULT false,
    CONSTRAINT lapinq_workflow_tasks_pkey PRIMARY KEY (task_id),
    CONSTRAINT lapinq_workflow_tasks_ref UNIQUE (workflow_id, ref),
    CONSTRAINT lapinq_workflow_tasks_after_failure_check CHECK (after_failure IN ('cancel', 'run', 'fail'))
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000,
        autovacuum_vacuum_cost_delay = 0);

CREATE TABLE lapinq_workflow_edges (
    parent_id uuid NOT NULL,
    child_id  uuid NOT NULL,
    CONSTRAINT lapinq_workflow_edges_pkey PRIMARY KEY (parent_id, child_id)
);
CREATE INDEX lapinq_workflow_edges_child ON lapinq_workflow_edges (child_id, parent_id);
