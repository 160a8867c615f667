-- Stores fire-and-forget tasks: rows in an unlogged table, without history and counts.
-- Takes one JSON array of objects, as `enqueue` does; returns their queues. Locks nothing that exists.
WITH entered AS (
    INSERT INTO lapinq_transient (queue_name, rank, task_name, module_path, args, kwargs, metadata, due_at,
                                  timeout_seconds, request_id)
    SELECT coalesce(queue_name, 'default'), -coalesce(priority, 0)::bigint, task_name, module_path,
           coalesce(args, '[]'), coalesce(kwargs, '{}'), metadata,
           coalesce(scheduled_at, lapinq_now()), timeout_seconds, request_id
      FROM json_to_recordset(%(tasks)s::json) AS i (
           id uuid, queue_name text, task_name text, module_path text, args json, kwargs json, priority integer,
           metadata jsonb, scheduled_at timestamptz, timeout_seconds double precision,
           request_id text)
     ORDER BY id
    RETURNING queue_name
)
SELECT array_agg(DISTINCT queue_name), NULL::float8 FROM entered
