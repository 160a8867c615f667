-- Steps and waits of durable tasks, and the signals that wait to be taken. `ended_at` is null while something is waited for;
-- then `outcome` is null, too. A wait is over at `due_at`. `attempt` is the one that made the row, or waited
-- last, and `claim_seq` the number of that one's claim; a step that is stored in a transaction of its task's own writes has the
-- `token` of its claim instead. A signal that nobody has taken has the kind `sent`, and a place in
-- the order of all signals instead of an occurrence. A row of the kind `lock`, without a name, is locked by who suspends the task
-- and by who may wake it.
CREATE TABLE lapinq_steps (
    task_id    uuid NOT NULL,
    name       text NOT NULL,
    occurrence bigint NOT NULL,
    kind       text NOT NULL,
    outcome    text,
    result     text,
    started_at timestamptz NOT NULL,
    ended_at   timestamptz,
    due_at     timestamptz,
    attempt    integer NOT NULL,
    claim_seq  bigint,
    token      uuid,
    version    text,
    names      text[],
    child_id   uuid,
    CONSTRAINT lapinq_steps_pkey PRIMARY KEY (task_id, name, occurrence),
    CONSTRAINT lapinq_steps_kind_check CHECK (kind IN ('step', 'sleep', 'signal', 'task', 'spawn', 'sent', 'lock')),
    CONSTRAINT lapinq_steps_outcome_check CHECK (outcome IN ('completed', 'timed_out', 'failed'))
) WITH (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000,
        autovacuum_vacuum_cost_delay = 0);
CREATE INDEX lapinq_steps_child ON lapinq_steps (child_id, task_id) WHERE kind = 'task' AND ended_at IS NULL;
CREATE INDEX lapinq_steps_waiting ON lapinq_steps (started_at, task_id) WHERE kind = 'signal' AND ended_at IS NULL;
CREATE INDEX lapinq_steps_open ON lapinq_steps (task_id) WHERE ended_at IS NULL;
CREATE SEQUENCE lapinq_signal_seq START 1000000000000;
