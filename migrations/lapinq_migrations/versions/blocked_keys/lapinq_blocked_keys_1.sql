-- The blocked keys of a queue that begin with `beginning` and have ready tasks, the oldest first, at most `most`. `front` is
-- the task that blocks the key, the oldest if several do, or by a rate the first that waits; ids tell when they were
-- enqueued. `is_held`: it waits itself, so the key can be freed of it.
-- It finds the keys from what blocks them, no more than `most` of each: tasks that were started and wait again, tasks that
-- are delayed for another reason, both from the oldest on, tasks that run, and lanes that a rate has closed. Of the first
-- it looks at 20,000 or more, as people skip keys, whose tasks then hold none and wait on; of the others at `most`. What
-- claims have not read yet doesn't count: lapinq_key_now_1 is more exact.
-- Locks nothing. Needs three probes a key. Relies on lapinq_delayed_keys, lapinq_running_key, lapinq_lanes_opens_at,
-- lapinq_keys_pkey and lapinq_ready_lane.
CREATE FUNCTION lapinq_blocked_keys_1(q lapinq_queues, beginning text, most integer)
RETURNS TABLE (key text, front uuid, is_held boolean)
LANGUAGE plpgsql STABLE ROWS 1000
SET jit TO off SET enable_seqscan TO off SET enable_bitmapscan TO off SET enable_hashjoin TO off SET enable_mergejoin TO off
SET plan_cache_mode TO force_generic_plan AS $function$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH delayed AS MATERIALIZED (
        SELECT held.id, held.key
          -- 0: suspended, released or parked in their first attempt, or never started
          FROM (VALUES (1, greatest(most, 20000)), (0, most)) AS s (started, looked)
         CROSS JOIN LATERAL (
               SELECT d.id, d.key
                 FROM (SELECT d.id, split_part(d.lane, chr(31), 1) AS key
                         FROM lapinq_delayed d
                        WHERE q.start_order = 'strict_per_key'
                          AND d.queue_name = q.name
                          AND d.lane IS NOT NULL
                          AND least(d.starts, 1) = s.started
                        ORDER BY d.queue_name, least(d.starts, 1), d.id
                        LIMIT greatest(0, s.looked)) AS d
                CROSS JOIN LATERAL (SELECT
                                      FROM lapinq_keys k
                                     WHERE k.queue_name = q.name
                                       AND k.key = d.key
                                       AND k.holder = d.id
                                     LIMIT 1) AS holds
                ORDER BY d.id
                LIMIT greatest(0, most)) AS held
    ), running AS MATERIALIZED (
        SELECT r.id, split_part(r.lane, chr(31), 1) AS key
          FROM lapinq_running r
         WHERE (q.start_order = 'strict_per_key' OR q.max_running_per_key IS NOT NULL)
           AND r.queue_name = q.name
           AND r.lane IS NOT NULL
         LIMIT greatest(0, most)
    ), closed AS MATERIALIZED (
        SELECT split_part(l.lane, chr(31), 1) AS key
          FROM lapinq_lanes l
         WHERE q.rate_per_key IS NOT NULL
           AND l.queue_name = q.name
           AND l.opens_at > lapinq_now()
         ORDER BY l.queue_name, l.opens_at
         LIMIT greatest(0, most)
    ), blocking AS (
        SELECT d.key, d.id, 1 AS nth
          FROM delayed d
         WHERE d.key > ''
           AND starts_with(d.key, beginning)
         UNION ALL
        SELECT r.key, (array_agg(r.id ORDER BY r.id))[1], 2
          FROM running r
         WHERE r.key > ''
           AND starts_with(r.key, beginning)
         GROUP BY r.key
        HAVING q.start_order = 'strict_per_key'
            OR count(*) >= q.max_running_per_key
         UNION ALL
        SELECT DISTINCT c.key, NULL::uuid, 3
          FROM closed c
         WHERE c.key > ''
           AND starts_with(c.key, beginning)
    ), found AS (
        SELECT DISTINCT ON (b.key) b.key, coalesce(b.id, first.id) AS front, b.nth = 1 AS is_held
          FROM blocking b
         CROSS JOIN LATERAL (SELECT r.id
                               FROM lapinq_ready r
                              WHERE r.queue_name = q.name
                                AND r.lane >= b.key
                                AND r.lane < b.key || ' '
                              ORDER BY r.queue_name, r.lane, r.rank, r.seq
                              LIMIT 1) AS first
         ORDER BY b.key, b.nth
    )
    SELECT f.key, f.front, f.is_held
      FROM found f
     ORDER BY f.front
     LIMIT greatest(0, most);
END
$function$;
