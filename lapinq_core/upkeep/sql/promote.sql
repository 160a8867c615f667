-- Makes up to `limit` due delayed tasks ready, in the order they became due.
-- Returns how many, their queues, and the seconds until the next one is due (NULL: none).
-- Locks the rows it moves, skipping locked ones. Relies on lapinq_delayed_due_at.
WITH due AS MATERIALIZED (
    SELECT id
      FROM lapinq_delayed
     WHERE due_at <= lapinq_now()
     ORDER BY due_at, id
     LIMIT %(limit)s::integer
       FOR UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM lapinq_delayed d
     USING due
     WHERE d.id = due.id
    RETURNING d.id, d.due_at, d.queue_name, d.rank, d.starts, d.expires_at, d.isolation
), entered AS (
    INSERT INTO lapinq_ready (queue_name, rank, id, starts, expires_at, isolation)
    SELECT queue_name, rank, id, starts, expires_at, isolation
      FROM gone
     ORDER BY due_at, id
    RETURNING queue_name
)
SELECT (SELECT count(*) FROM entered),
       (SELECT coalesce(array_agg(DISTINCT queue_name), '{}') FROM entered),
       (SELECT extract(epoch FROM min(due_at) - lapinq_now())::float8 FROM lapinq_delayed WHERE due_at > lapinq_now())
