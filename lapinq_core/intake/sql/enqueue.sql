-- Stores new tasks: the task, its row in ready or delayed, and the count. All or nothing.
-- Takes one JSON array of objects in ascending order of id. A field that an object lacks has the default of
-- `domain.tasks.task.NewTask`: parsing fields is a third of the cost. Returns the queues with ready tasks, and the
-- seconds until the first of the delayed ones is due (NULL: none).
-- Locks nothing that exists.
WITH input AS MATERIALIZED (
    SELECT i.id, coalesce(i.queue_name, 'default') AS queue_name, i.task_name, i.module_path,
           coalesce(i.args, '[]') AS args, coalesce(i.kwargs, '{}') AS kwargs,
           coalesce(i.max_retries, 3) AS max_retries, coalesce(i.priority, 0) AS priority,
           coalesce(i.retry_delay, 10) AS retry_delay, coalesce(i.retry_backoff, true) AS retry_backoff,
           i.ttl_seconds, i.metadata, i.webhook_url, i.scheduled_at, i.timeout_seconds, i.request_id,
           CASE WHEN i.ttl_seconds IS NULL THEN NULL ELSE lapinq_now() + i.ttl_seconds * interval '1 second' END
               AS expires_at
      FROM json_to_recordset(%(tasks)s::json) AS i (
           id uuid, queue_name text, task_name text, module_path text, args json, kwargs json, max_retries integer,
           priority integer, retry_delay double precision, retry_backoff boolean, ttl_seconds double precision,
           metadata jsonb, webhook_url text, scheduled_at timestamptz, timeout_seconds double precision,
           request_id text)
), stored AS (
    INSERT INTO lapinq_tasks (id, queue_name, task_name, module_path, args, kwargs, max_retries, priority, retry_delay,
                              retry_backoff, ttl_seconds, metadata, webhook_url, created_at, scheduled_at,
                              expires_at, timeout_seconds, request_id)
    SELECT id, queue_name, task_name, module_path, args, kwargs, max_retries, priority, retry_delay,
           retry_backoff, ttl_seconds, metadata, webhook_url, lapinq_now(), scheduled_at, expires_at, timeout_seconds,
           request_id
      FROM input
), delayed AS (
    INSERT INTO lapinq_delayed (id, due_at, queue_name, rank, expires_at)
    SELECT id, scheduled_at, queue_name, -priority::bigint, expires_at
      FROM input
     WHERE scheduled_at > lapinq_now()
    RETURNING due_at
), counted AS (
    INSERT INTO lapinq_counts (queue_name, pending)
    SELECT queue_name, count(*)
      FROM input
     GROUP BY queue_name
), entered AS (
    INSERT INTO lapinq_ready (queue_name, rank, id, expires_at)
    SELECT queue_name, -priority::bigint, id, expires_at
      FROM input
     WHERE scheduled_at IS NULL OR scheduled_at <= lapinq_now()
     ORDER BY id
    RETURNING queue_name
)
SELECT (SELECT coalesce(array_agg(DISTINCT queue_name), '{}') FROM entered),
       (SELECT date_part('epoch', min(due_at) - lapinq_now()) FROM delayed)
