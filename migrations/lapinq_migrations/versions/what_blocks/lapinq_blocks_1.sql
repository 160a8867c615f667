-- What keeps pending tasks from starting, as the next claim will find it. Whether a task may start, and if not, why, is
-- decided here for all who ask: a row for each reason, of which the first by `nth` and `name` is the one to tell. Tasks
-- without a row start in their turn, once a worker has a free slot.
-- `kind`, in this order: `retry` or `schedule`, it is delayed; `paused`; `breaker`, first that of its task name, which may
-- have parked it; `limit_too_small`, it needs more units than a limit ever has; `key_order`, `key_full`, `key_rate`;
-- `limit_closed`, `limit_full`, `limit_used`; `queue_full`, `queue_rate`. The functions for queues, keys and limits, which
-- it asks, tell more. `until` is when that ends, if it is known. `task` is the one that it waits for, `running` how many
-- run of at most `max_running`; `units` are what it needs of a limit, and `tokens` what a rate has left.
-- Not told: that a task before it needs more units of a limit than are left (first_short.sql).
-- Locks nothing. Needs a few probes a task, and looks once at each queue, and at all limits if a task takes from any.
-- Relies on the primary keys, lapinq_running_key, lapinq_running_units and lapinq_ready_lane.
CREATE FUNCTION lapinq_blocks_1(ids uuid[])
RETURNS TABLE (id uuid, nth integer, kind text, name text, until timestamp with time zone, task uuid, running bigint,
               max_running integer, rate jsonb, tokens double precision, units bigint)
LANGUAGE plpgsql STABLE ROWS 100
SET jit TO off SET enable_seqscan TO off SET enable_bitmapscan TO off SET plan_cache_mode TO force_generic_plan AS $function$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH ready AS MATERIALIZED (
        SELECT r.id, r.queue_name, r.units, split_part(r.lane, chr(31), 1) AS key, split_part(r.lane, chr(31), 2) AS names
          FROM unnest(ids) AS i (id)
         CROSS JOIN LATERAL (SELECT x.* FROM lapinq_ready x WHERE x.id = i.id LIMIT 1) AS r
    ), delayed AS MATERIALIZED (
        SELECT d.*
          FROM unnest(ids) AS i (id)
         CROSS JOIN LATERAL (SELECT x.* FROM lapinq_delayed x WHERE x.id = i.id LIMIT 1) AS d
    ), of_queues AS MATERIALIZED (
        SELECT q.name, q.max_running, q.rate, b.*
          FROM (SELECT queue_name FROM ready UNION SELECT queue_name FROM delayed) AS t
          JOIN lapinq_queues q ON q.name = t.queue_name
         CROSS JOIN LATERAL lapinq_blocks_of_queue_1(q) AS b
    ), of_limits AS MATERIALIZED (
        SELECT l.* FROM lapinq_limits_now_1() AS l WHERE EXISTS (SELECT FROM ready WHERE units IS NOT NULL)
    )
    -- The task itself.
    SELECT d.id, 0, CASE WHEN d.starts > 0 THEN 'retry' ELSE 'schedule' END, NULL, d.due_at, NULL::uuid, NULL::bigint,
           NULL::integer, NULL::jsonb, NULL::float8, NULL::bigint
      FROM delayed d
     WHERE d.due_at > lapinq_now()
       AND d.parked_for IS NULL
     UNION ALL
    -- Its queue.
    SELECT t.id, CASE b.kind WHEN 'paused' THEN 1 WHEN 'breaker' THEN 3 WHEN 'queue_full' THEN 7 WHEN 'queue_rate' THEN 8 END,
           b.kind, NULL, b.until, b.probe, b.running, b.max_running, b.rate, b.tokens, NULL
      FROM (SELECT r.id, r.queue_name, true AS is_ready FROM ready r
             UNION ALL
            SELECT d.id, d.queue_name, false FROM delayed d) AS t
      JOIN of_queues b ON b.name = t.queue_name AND (t.is_ready OR b.kind = 'paused')
     UNION ALL
    -- Its name.
    SELECT d.id, 2, 'breaker', d.parked_for, NULL, NULL, NULL, NULL, NULL, NULL, NULL
      FROM delayed d
     WHERE d.parked_for IS NOT NULL
     UNION ALL
    SELECT r.id, 2, 'breaker', b.task_name, NULL, NULL, NULL, NULL, NULL, NULL, NULL
      FROM lapinq_task_breakers b
     CROSS JOIN ready r
     CROSS JOIN LATERAL (SELECT x.task_name FROM lapinq_tasks x WHERE x.id = r.id LIMIT 1) AS t
     WHERE b.state <> 'closed'
       AND t.task_name = b.task_name
     UNION ALL
    -- Its key. In strict order also another ready task of the key, if that goes first.
    SELECT r.id, 5, CASE WHEN head.id <> r.id THEN 'key_order' ELSE k.blocked_by END, NULL, k.until,
           CASE WHEN head.id <> r.id THEN head.id WHEN k.blocked_by = 'key_order' THEN coalesce(started.id, k.holder) END,
           k.running, q.max_running_per_key, q.rate_per_key, k.tokens, NULL
      FROM ready r
      JOIN lapinq_queues q ON q.name = r.queue_name
     CROSS JOIN LATERAL lapinq_key_now_1(q, r.key) AS k
      LEFT JOIN LATERAL (
           SELECT x.id
             FROM lapinq_running x
            WHERE k.blocked_by = 'key_order'
              AND x.queue_name = r.queue_name
              AND split_part(x.lane, chr(31), 1) = r.key
              AND x.lane IS NOT NULL
            ORDER BY x.seq DESC
            LIMIT 1) AS started ON true
      LEFT JOIN LATERAL (
           SELECT h.id
             FROM lapinq_head_of_key_1(r.queue_name, r.key, (SELECT x.holder
                                                               FROM lapinq_keys x
                                                              WHERE x.queue_name = r.queue_name
                                                                AND x.key = r.key)) AS h
            WHERE q.start_order = 'strict_per_key'
              AND k.blocked_by IS DISTINCT FROM 'key_order'
            LIMIT 1) AS head ON true
     WHERE r.key > ''
       AND (k.blocked_by IS NOT NULL OR head.id <> r.id)
     UNION ALL
    -- Its limits.
    SELECT r.id, CASE rule.kind WHEN 'limit_too_small' THEN 4 ELSE 6 END, rule.kind, l.name,
           CASE rule.kind WHEN 'limit_closed' THEN l.closed_until
                          WHEN 'limit_used' THEN lapinq_filled_at_1(l.rate, own.tokens, own.units) END,
           NULL, l.running, l.max_running, l.rate, own.tokens, need.units
      FROM ready r
     CROSS JOIN LATERAL unnest(string_to_array(r.names, ','), r.units) AS need (name, units)
      JOIN of_limits l ON l.name = need.name
     CROSS JOIN LATERAL (
           SELECT greatest(need.units, 1) AS units,
                  l.tokens - CASE WHEN l.reserved_by <> r.queue_name THEN l.reserved ELSE 0 END AS tokens) AS own
     CROSS JOIN LATERAL (
           SELECT CASE WHEN need.units > (l.rate ->> 'burst')::float8 THEN 'limit_too_small'
                       WHEN l.blocked_by IS NOT NULL THEN l.blocked_by
                       WHEN l.reserved_by <> r.queue_name AND l.running + l.reserved_places >= l.max_running THEN 'limit_full'
                       WHEN own.tokens < own.units THEN 'limit_used' END AS kind) AS rule
     WHERE r.units IS NOT NULL
       AND rule.kind IS NOT NULL;
END
$function$;
