-- Stores new tasks of which some have a key or limits, and that differ only in id, key, arguments and metadata: as
-- enqueue_alike.sql stores those without, which don't pay for it.
-- Takes one JSON object as that one does, with a list of `keys` beside the ids; a key may be null. All have the same limits.
-- Returns what enqueue.sql returns. Locks nothing that exists.
WITH shared AS MATERIALIZED (
    SELECT i.*, coalesce(i.queue_name, 'default') AS queue, -coalesce(i.priority, 0)::bigint AS plain_rank,
           lapinq_units(i.limits) AS units, lapinq_lane(NULL, i.limits) AS limits_lane,
           CASE WHEN i.ttl_seconds > 0 THEN lapinq_now() + i.ttl_seconds * interval '1 second' END AS waits_until,
           i.scheduled_at IS NULL OR i.scheduled_at <= lapinq_now() AS is_ready
      FROM json_to_record(%(tasks)s::json) AS i (
           ids uuid[], keys text[], limits jsonb, queue_name text, task_name text, module_path text, args json,
           kwargs json, max_retries integer, priority integer, retry_delay double precision, retry_backoff boolean,
           ttl_seconds double precision, metadata json, webhook_url text, scheduled_at timestamptz,
           timeout_seconds double precision, request_id text)
), input AS MATERIALIZED (
    SELECT s.*, CASE WHEN limits_lane IS NULL THEN keys
                     ELSE ARRAY(SELECT coalesce(key, '') || limits_lane
                                  FROM unnest(keys) WITH ORDINALITY AS one (key, number)
                                 ORDER BY number) END AS lanes
      FROM shared s
), stored AS (
    INSERT INTO lapinq_tasks (id, queue_name, task_name, module_path, args, kwargs, max_retries, priority, retry_delay,
                              retry_backoff, ttl_seconds, metadata, webhook_url, created_at, scheduled_at,
                              expires_at, timeout_seconds, request_id, key, limits)
    SELECT one.id, queue, task_name, module_path, coalesce(one.args, '[]'), coalesce(one.kwargs, '{}'),
           coalesce(max_retries, 3), coalesce(priority, 0), coalesce(retry_delay, 10), coalesce(retry_backoff, true),
           ttl_seconds, nullif(one.metadata::text, 'null')::jsonb, webhook_url, lapinq_now(), scheduled_at,
           lapinq_now() + ttl_seconds * interval '1 second', timeout_seconds, request_id, one.key, limits
      FROM input
     CROSS JOIN LATERAL ROWS FROM (unnest(ids), unnest(keys), json_array_elements(input.args),
                                   json_array_elements(input.kwargs), json_array_elements(input.metadata))
                     AS one (id, key, args, kwargs, metadata)
), delayed AS (
    INSERT INTO lapinq_delayed (id, due_at, queue_name, rank, expires_at, lane, units)
    SELECT one.id, scheduled_at, queue, CASE WHEN one.lane IS NULL THEN plain_rank ELSE plain_rank + 2199023255552 END,
           waits_until, one.lane, units
      FROM input
     CROSS JOIN LATERAL unnest(ids, lanes) AS one (id, lane)
     WHERE NOT is_ready
), counted AS (
    INSERT INTO lapinq_counts (queue_name, pending)
    SELECT queue, cardinality(ids)
      FROM input
), entered AS (
    INSERT INTO lapinq_ready (queue_name, rank, id, expires_at, lane, units)
    SELECT queue, CASE WHEN one.lane IS NULL THEN plain_rank ELSE plain_rank + 2199023255552 END, one.id, waits_until,
           one.lane, units
      FROM input
     CROSS JOIN LATERAL unnest(ids, lanes) AS one (id, lane)
     WHERE is_ready
), told_lanes AS (
    INSERT INTO lapinq_lane_news (queue_name, lanes, rank)
    SELECT queue, ARRAY(SELECT DISTINCT lane COLLATE "C" FROM unnest(lanes) AS lane WHERE lane IS NOT NULL),
           plain_rank + 2199023255552
      FROM input
     WHERE is_ready
)
SELECT CASE WHEN is_ready THEN ARRAY[queue] ELSE '{}' END,
       CASE WHEN NOT is_ready THEN date_part('epoch', scheduled_at - lapinq_now()) END
  FROM input
