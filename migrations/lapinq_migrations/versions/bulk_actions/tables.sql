-- Changes to many tasks that servers make in turns, after the request for them was answered. `filters` are the parameters of that
-- request. The walk began at `created_at` and ends at the task `until`; ids up to `reached` are done but for `remaining`, which moved
-- meanwhile. Both, and the numbers, are written in the transaction that changes the tasks. The server with `token` works on it; from
-- `free_at` on another one may take it. `queues` is null for all queues, `expected` what a count said before. `entry_id` is its entry
-- in the audit log. `named_arguments` is that of the filter with the positions at the start: what workers report may change.
CREATE TABLE lapinq_bulk_actions (
    id         uuid NOT NULL,
    verb       text NOT NULL,
    filters    jsonb NOT NULL,
    named_arguments text,
    queues     text[],
    expected   bigint,
    actor_kind text NOT NULL,
    actor_id   bigint,
    actor      text NOT NULL,
    entry_id   bigint NOT NULL,
    created_at timestamptz NOT NULL,
    until      uuid,
    reached    uuid,
    remaining  uuid[] NOT NULL DEFAULT '{}',
    done       bigint NOT NULL DEFAULT 0,
    skipped    bigint NOT NULL DEFAULT 0,
    token      uuid,
    free_at    timestamptz NOT NULL,
    ended_at   timestamptz,
    outcome    text,
    stopped_by text,
    error      text,
    CONSTRAINT lapinq_bulk_actions_pkey PRIMARY KEY (id),
    CONSTRAINT lapinq_bulk_actions_verb_check CHECK (verb IN ('cancel', 'delete', 'requeue', 'run')),
    CONSTRAINT lapinq_bulk_actions_outcome_check CHECK (outcome IN ('completed', 'stopped', 'failed')),
    CONSTRAINT lapinq_bulk_actions_ended_check CHECK ((outcome IS NULL) = (ended_at IS NULL))
);
CREATE INDEX lapinq_bulk_actions_free_at ON lapinq_bulk_actions (free_at) WHERE ended_at IS NULL;
CREATE INDEX lapinq_bulk_actions_ended_at ON lapinq_bulk_actions (ended_at) WHERE ended_at IS NOT NULL;
