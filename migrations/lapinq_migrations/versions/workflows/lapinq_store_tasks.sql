-- Stores new tasks, all or none: the task, its place in ready or delayed, and the count; a fire-and-forget task as a row in
-- the unlogged table, without history and count. Everything that enqueues calls it. The values have been checked, and
-- lapinq_meet_unique_keys has decided that those with a unique key are to be stored.
-- Takes an array of tasks in ascending order of id. A field that a task lacks has the default of
-- `domain.tasks.task.NewTask`: parsing fields is a third of the cost.
-- Or takes one object, for many tasks that differ only in id, key, arguments and metadata: its `ids`, `key`, `args`,
-- `kwargs` and `metadata` are lists, the other fields are those of all. Parsed once and never copied, they take a third less
-- time. Such tasks are neither fire and forget nor profiled, and have no unique key.
-- A task with `is_blocked` waits for others of its workflow (lapinq_store_workflow_1).
-- Returns the queues with ready tasks, and the seconds until the first of the delayed ones is due (NULL: none).
-- Rare tables have statements of their own: a statement opens all of its tables, and needs privileges on them.
-- Locks nothing that exists.
CREATE OR REPLACE FUNCTION lapinq_store_tasks(tasks json, OUT queues text[], OUT due_in double precision)
    LANGUAGE plpgsql
AS $function$
DECLARE
    alike record;
    -- Of the ready tasks that are in lanes.
    laned_queues text[];
    lanes text[];
    ranks bigint[];
    has_transient boolean;
BEGIN
    IF json_typeof(tasks) = 'object' THEN
        SELECT i.ids, i.key, i.args, i.kwargs, i.metadata, coalesce(i.queue_name, 'default') AS queue_name, i.task_name,
               i.module_path, coalesce(i.max_retries, 3) AS max_retries, coalesce(i.priority, 0) AS priority,
               coalesce(i.retry_delay, 10) AS retry_delay, coalesce(i.retry_backoff, true) AS retry_backoff,
               i.ttl_seconds, i.webhook_url, i.scheduled_at, i.timeout_seconds, i.request_id, i.limits,
               lapinq_units(i.limits) AS units,
               CASE WHEN i.is_blocked THEN lapinq_never() ELSE i.scheduled_at END AS due_at,
               lapinq_now() + i.ttl_seconds * interval '1 second' AS expires_at
          INTO alike
          FROM json_to_record(tasks) AS i (
               ids uuid[], key text[], args json, kwargs json, metadata json, limits jsonb, queue_name text,
               task_name text, module_path text, max_retries integer, priority integer, retry_delay double precision,
               retry_backoff boolean, ttl_seconds double precision, webhook_url text, scheduled_at timestamptz,
               timeout_seconds double precision, request_id text, is_blocked boolean);
        lanes := CASE WHEN alike.limits IS NULL THEN alike.key
                      ELSE ARRAY(SELECT lapinq_lane(one.key, alike.limits)
                                   FROM unnest(alike.ids, alike.key) WITH ORDINALITY AS one (id, key, number)
                                  ORDER BY one.number) END;

        INSERT INTO lapinq_tasks (id, queue_name, task_name, module_path, args, kwargs, max_retries, priority, retry_delay,
                                  retry_backoff, ttl_seconds, metadata, webhook_url, created_at, scheduled_at,
                                  expires_at, timeout_seconds, request_id, key, limits)
        SELECT one.id, alike.queue_name, alike.task_name, alike.module_path, coalesce(one.args, '[]'),
               coalesce(one.kwargs, '{}'), alike.max_retries, alike.priority, alike.retry_delay, alike.retry_backoff,
               alike.ttl_seconds, nullif(one.metadata::text, 'null')::jsonb, alike.webhook_url, lapinq_now(),
               alike.scheduled_at, alike.expires_at, alike.timeout_seconds, alike.request_id, one.key, alike.limits
          FROM ROWS FROM (unnest(alike.ids), unnest(alike.key), json_array_elements(alike.args),
                          json_array_elements(alike.kwargs), json_array_elements(alike.metadata))
                 AS one (id, key, args, kwargs, metadata);
        INSERT INTO lapinq_counts (queue_name, pending) VALUES (alike.queue_name, cardinality(alike.ids));
        IF alike.due_at > lapinq_now() THEN
            INSERT INTO lapinq_delayed (id, due_at, queue_name, rank, expires_at, lane, units)
            SELECT one.id, alike.due_at, alike.queue_name, lapinq_rank(alike.priority, one.lane), alike.expires_at,
                   one.lane, alike.units
              FROM unnest(alike.ids, lanes) AS one (id, lane);
            queues := '{}';
            due_in := date_part('epoch', nullif(alike.due_at, lapinq_never()) - lapinq_now());
            RETURN;
        END IF;
        INSERT INTO lapinq_ready (queue_name, rank, id, expires_at, lane, units)
        SELECT alike.queue_name, lapinq_rank(alike.priority, one.lane), one.id, alike.expires_at, one.lane, alike.units
          FROM unnest(alike.ids, lanes) AS one (id, lane);
        IF lanes IS NOT NULL THEN
            INSERT INTO lapinq_lane_news (queue_name, lanes, rank)
            SELECT alike.queue_name, array_agg(DISTINCT lane COLLATE "C"), lapinq_rank(alike.priority, '')
              FROM unnest(lanes) AS lane
             WHERE lane IS NOT NULL;
        END IF;
        queues := ARRAY[alike.queue_name];
        RETURN;
    END IF;

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
               CASE WHEN i.is_blocked THEN lapinq_never() WHEN i.scheduled_at > lapinq_now() THEN i.scheduled_at END AS due_at,
               coalesce(i.is_blocked OR i.scheduled_at > lapinq_now(), false) AS is_delayed,
               coalesce(i.ttl_seconds = 0 AND num_nonnulls(i.key, i.limits, i."unique", i.debounce) = 0, false)
                   AS is_transient,
               lapinq_now() + i.ttl_seconds * interval '1 second' AS expires_at,
               coalesce(i."unique"->>'key', i.debounce->>'key') AS unique_key,
               CASE WHEN i.debounce IS NOT NULL THEN 'started'
                    WHEN i."unique" IS NOT NULL THEN coalesce(i."unique"->>'until', 'finished') END AS unique_until,
               -- Fire and forget with a key, limits or a unique key: kept until it has ended.
               CASE WHEN i.ttl_seconds > 0 THEN lapinq_now() + i.ttl_seconds * interval '1 second' END AS waits_until
          FROM json_to_recordset(tasks) AS i (
               id uuid, queue_name text, task_name text, module_path text, args json, kwargs json, max_retries integer,
               priority integer, retry_delay double precision, retry_backoff boolean, ttl_seconds double precision,
               metadata jsonb, webhook_url text, scheduled_at timestamptz, timeout_seconds double precision,
               request_id text, profile boolean, key text, limits jsonb, "unique" json, debounce json, is_blocked boolean)
    ), stored AS (
        INSERT INTO lapinq_tasks (id, queue_name, task_name, module_path, args, kwargs, max_retries, priority, retry_delay,
                                  retry_backoff, ttl_seconds, metadata, webhook_url, created_at, scheduled_at,
                                  expires_at, timeout_seconds, request_id, profile, key, limits, unique_key,
                                  unique_until)
        SELECT id, queue_name, task_name, module_path, args, kwargs, max_retries, priority, retry_delay,
               retry_backoff, ttl_seconds, metadata, webhook_url, lapinq_now(), scheduled_at, expires_at, timeout_seconds,
               request_id, profile, key, limits, unique_key, unique_until
          FROM input
         WHERE NOT is_transient
    ), delayed AS (
        INSERT INTO lapinq_delayed (id, due_at, queue_name, rank, expires_at, lane, units)
        SELECT id, due_at, queue_name, lapinq_rank(priority, lane), waits_until, lane, units
          FROM input
         WHERE is_delayed
           AND NOT is_transient
    ), counted AS (
        INSERT INTO lapinq_counts (queue_name, pending)
        SELECT queue_name, count(*)
          FROM input
         WHERE NOT is_transient
         GROUP BY queue_name
    ), entered AS (
        INSERT INTO lapinq_ready (queue_name, rank, id, expires_at, lane, units)
        SELECT queue_name, lapinq_rank(priority, lane), id, waits_until, lane, units
          FROM input
         WHERE NOT is_delayed
           AND NOT is_transient
         ORDER BY id
    )
    SELECT coalesce(array_agg(DISTINCT queue_name) FILTER (WHERE NOT is_delayed OR is_transient), '{}'),
           date_part('epoch', min(due_at) FILTER (WHERE due_at < lapinq_never() AND NOT is_transient) - lapinq_now()),
           bool_or(is_transient),
           array_agg(queue_name) FILTER (WHERE lane IS NOT NULL AND NOT is_delayed),
           array_agg(lane) FILTER (WHERE lane IS NOT NULL AND NOT is_delayed),
           array_agg(lapinq_rank(priority, lane)) FILTER (WHERE lane IS NOT NULL AND NOT is_delayed)
      INTO queues, due_in, has_transient, laned_queues, lanes, ranks
      FROM input;

    IF lanes IS NOT NULL THEN
        INSERT INTO lapinq_lane_news (queue_name, lanes, rank)
        SELECT one.queue_name, array_agg(DISTINCT one.lane COLLATE "C"), min(one.rank)
          FROM unnest(laned_queues, lanes, ranks) AS one (queue_name, lane, rank)
         GROUP BY one.queue_name;
    END IF;

    IF has_transient THEN
        INSERT INTO lapinq_transient (queue_name, rank, task_name, module_path, args, kwargs, metadata, due_at,
                                      timeout_seconds, request_id)
        SELECT coalesce(i.queue_name, 'default'), -coalesce(i.priority, 0)::bigint, i.task_name, i.module_path,
               coalesce(i.args, '[]'), coalesce(i.kwargs, '{}'), i.metadata, coalesce(i.scheduled_at, lapinq_now()),
               i.timeout_seconds, i.request_id
          FROM json_to_recordset(tasks) AS i (
               id uuid, queue_name text, task_name text, module_path text, args json, kwargs json, priority integer,
               ttl_seconds double precision, metadata jsonb, scheduled_at timestamptz, timeout_seconds double precision,
               request_id text, key text, limits jsonb, "unique" json, debounce json)
         WHERE i.ttl_seconds = 0
           AND num_nonnulls(i.key, i.limits, i."unique", i.debounce) = 0
         ORDER BY i.id;
    END IF;
END
$function$;
