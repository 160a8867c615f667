-- Lets a delayed task, scheduled or waiting for a retry, start now: behind those of its priority that wait already, as if
-- it had fallen due. Answers its queue when it did; no row when the task is unknown or waits for no time.
-- Locks its row in delayed; against a promotion or a cancellation one of the two wins. Relies on lapinq_delayed_pkey.
WITH gone AS (
    DELETE FROM lapinq_delayed
     WHERE id = %(id)s::uuid
    RETURNING id, queue_name, rank, starts, expires_at, isolation
)
INSERT INTO lapinq_ready (queue_name, rank, id, starts, expires_at, isolation)
SELECT queue_name, rank, id, starts, expires_at, isolation
  FROM gone
RETURNING queue_name
