-- Which task holds a unique key. One row a key and queue, written by enqueues, and by requeues of a task with a key. What
-- starts or ends a task doesn't touch it: whether its task still holds the key is looked up when the key is next used,
-- under the lock of this row.
CREATE TABLE lapinq_unique_keys (
    queue_name text NOT NULL,
    key        text NOT NULL,
    -- The task that was stored last with the key.
    task_id    uuid NOT NULL,
    -- When the task gives up the key: 'started', 'finished', or NULL for a time.
    until      text CHECK (until IN ('started', 'finished')),
    expires_at timestamptz CHECK ((until IS NULL) = (expires_at IS NOT NULL)),
    -- Of a debounced task: the first call, from which its longest wait counts.
    first_at   timestamptz,
    -- When the task got the key. Clean-up leaves rows alone that are newer than an hour.
    taken_at   timestamptz NOT NULL,
    PRIMARY KEY (queue_name, key)
) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
