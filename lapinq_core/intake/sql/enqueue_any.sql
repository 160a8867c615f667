-- Stores new tasks of which some have fields that few tasks have, as enqueue.sql stores others: that one doesn't pay for
-- them. Takes one JSON array of objects in ascending order of id. Returns the queues with ready tasks, and the seconds
-- until the first of the delayed ones is due (NULL: none).
-- meet_unique_keys.sql has decided that those with a unique key are to be stored.
-- Locks nothing that exists.
WITH input AS MATERIALIZED (
    SELECT i.id, coalesce(i.queue_name, 'default') AS queue_name, i.task_name, i.module_path,
           coalesce(i.args, '[]') AS args, coalesce(i.kwargs, '{}') AS kwargs,
           coalesce(i.max_retries, 3) AS max_retries, coalesce(i.priority, 0) AS priority,
           coalesce(i.retry_delay, 10) AS retry_delay, coalesce(i.retry_backoff, true) AS retry_backoff,
           i.ttl_seconds, i.metadata, i.webhook_url, i.scheduled_at, i.timeout_seconds, i.request_id, i.profile,
           i.key, i.limits,
           -- Most have a key alone, and need no call of a function.
           CASE WHEN i.limits IS NULL THEN i.key ELSE lapinq_lane(i.key, i.limits) END AS lane,
           CASE WHEN i.limits IS NOT NULL THEN lapinq_units(i.limits) END AS units,
           coalesce(i.scheduled_at > lapinq_now(), false) AS is_delayed,
           lapinq_now() + i.ttl_seconds * interval '1 second' AS expires_at,
           coalesce(i."unique"->>'key', i.debounce->>'key') AS unique_key,
           CASE WHEN i.debounce IS NOT NULL THEN 'started'
                WHEN i."unique" IS NOT NULL THEN coalesce(i."unique"->>'until', 'finished') END AS unique_until,
           -- Fire and forget with a key, limits or a unique key: kept until it has ended.
           CASE WHEN i.ttl_seconds > 0 THEN lapinq_now() + i.ttl_seconds * interval '1 second' END AS waits_until
      FROM json_to_recordset(%(tasks)s::json) AS i (
           id uuid, queue_name text, task_name text, module_path text, args json, kwargs json, max_retries integer,
           priority integer, retry_delay double precision, retry_backoff boolean, ttl_seconds double precision,
           metadata jsonb, webhook_url text, scheduled_at timestamptz, timeout_seconds double precision,
           request_id text, profile boolean, key text, limits jsonb, "unique" json, debounce json)
), stored AS (
    INSERT INTO lapinq_tasks (id, queue_name, task_name, module_path, args, kwargs, max_retries, priority, retry_delay,
                              retry_backoff, ttl_seconds, metadata, webhook_url, created_at, scheduled_at,
                              expires_at, timeout_seconds, request_id, profile, key, limits, unique_key,
                              unique_until)
    SELECT id, queue_name, task_name, module_path, args, kwargs, max_retries, priority, retry_delay,
           retry_backoff, ttl_seconds, metadata, webhook_url, lapinq_now(), scheduled_at, expires_at, timeout_seconds,
           request_id, profile, key, limits, unique_key, unique_until
      FROM input
), delayed AS (
    INSERT INTO lapinq_delayed (id, due_at, queue_name, rank, expires_at, lane, units)
    SELECT id, scheduled_at, queue_name, lapinq_rank(priority, lane), waits_until, lane, units
      FROM input
     WHERE is_delayed
    RETURNING due_at
), counted AS (
    INSERT INTO lapinq_counts (queue_name, pending)
    SELECT queue_name, count(*)
      FROM input
     GROUP BY queue_name
), entered AS (
    INSERT INTO lapinq_ready (queue_name, rank, id, expires_at, lane, units)
    SELECT queue_name, lapinq_rank(priority, lane), id, waits_until, lane, units
      FROM input
     WHERE NOT is_delayed
     ORDER BY id
    RETURNING queue_name, lane, rank
), told_lanes AS (
    INSERT INTO lapinq_lane_news (queue_name, lanes, rank)
    SELECT queue_name, array_agg(DISTINCT lane), min(rank)
      FROM entered
     WHERE lane IS NOT NULL
     GROUP BY queue_name
)
SELECT (SELECT coalesce(array_agg(DISTINCT queue_name), '{}') FROM entered),
       (SELECT date_part('epoch', min(due_at) - lapinq_now()) FROM delayed)
