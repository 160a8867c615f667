-- Stores fire-and-forget tasks of queues with a policy, up to `limit` of each, as ordinary ones, so that the policy governs
-- their start, too. They are deleted after their end.
-- Locks the rows it moves, skipping locked ones. Relies on the primary key of lapinq_transient.
WITH gone AS (
    DELETE FROM lapinq_transient x
     WHERE x.ctid = ANY (ARRAY(SELECT t.row_id
                                 FROM unnest(%(queues)s::text[]) AS named (name)
                                CROSS JOIN LATERAL (
                                      SELECT ctid AS row_id
                                        FROM lapinq_transient
                                       WHERE queue_name = named.name
                                         AND due_at <= lapinq_now()
                                       ORDER BY queue_name, rank, seq
                                       LIMIT %(limit)s::integer
                                         FOR UPDATE SKIP LOCKED) AS t))
    RETURNING x.*
), named AS MATERIALIZED (
    SELECT lapinq_new_id() AS id, gone.* FROM gone ORDER BY queue_name, rank, seq
), stored AS (
    INSERT INTO lapinq_tasks (id, queue_name, task_name, module_path, args, kwargs, max_retries, priority, retry_delay,
                              retry_backoff, ttl_seconds, metadata, created_at, expires_at, timeout_seconds, request_id)
    SELECT id, queue_name, task_name, module_path, args, kwargs, 0, -rank, 0, false, 0, metadata, lapinq_now(),
           lapinq_now(), timeout_seconds, request_id
      FROM named
), entered AS (
    INSERT INTO lapinq_ready (queue_name, rank, id, since)
    SELECT queue_name, rank, id, due_at
      FROM named
)
INSERT INTO lapinq_counts (queue_name, pending)
SELECT queue_name, count(*)
  FROM named
 GROUP BY queue_name
