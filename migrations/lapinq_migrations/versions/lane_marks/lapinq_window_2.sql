-- The next tasks of a queue that may start by their keys, in their order: of its first `size` open lanes, and in no lane.
-- Of each it reads as many as may be wanted; of `long_lanes` all that there is room for. Where a list may go on behind what it read, the row `ends` the window:
-- something that was not read may come before the rows behind.
-- A lane without a task that may start here has a row without an id; so has one that is behind its key, or in strict order
-- without a head: these are to be looked at, not started. `is_late`: it is the first of its lane that may start here, and
-- behind the lane's place, as those before it must run alone or are past their time to live. With `limits` it passes tasks that need more than one of these
-- ever has.
-- `first_by`, `then_by`: the place in the order. In priority order rank and sequence number; in fair order the virtual time
-- of the start, which is the place of the lane and what starts before in it, over its weight; in strict order the sequence
-- number. `most`: how many tasks of the key may start. `time`: in fair order, the virtual time of the key after the start.
-- For BETWEEN a lane and itself see lapinq_look_at_lanes_1.
-- Locks the tasks that it returns, skipping locked ones. Relies on lapinq_lanes_open, lapinq_ready_lane,
-- lapinq_ready_claim, lapinq_running_key and the primary keys.
CREATE FUNCTION lapinq_window_2(
    q lapinq_queues, sets text[], shifts float8[], size integer, room integer, isolated integer,
    mark_rank bigint, mark_seq bigint, max_rank bigint, first_rank bigint, first_place float8, limits lapinq_limits[],
    long_lanes text[]
) RETURNS TABLE (
    lane text, key text, names text, row_id tid, id uuid, rank bigint, seq bigint, units bigint[], isolation smallint,
    most integer, first_by bigint, then_by float8, nth bigint, "time" float8, shift float8,
    is_behind boolean, is_late boolean, ends boolean
) LANGUAGE plpgsql ROWS 100 AS $function$
#variable_conflict use_column
DECLARE
    lane_distance CONSTANT bigint := 2199023255552; -- what the rank of a task in a lane has more
    by_priority CONSTANT boolean := q.start_order = 'priority';
    is_fair CONSTANT boolean := q.start_order = 'fair';
    is_strict CONSTANT boolean := q.start_order = 'strict_per_key';
    lowest CONSTANT bigint := -9223372036854775808; -- rank
    rounding CONSTANT float8 := 1e-12; -- of sums of virtual times
    unkeyed_weight CONSTANT float8 := greatest(0.001, coalesce((q.weights ->> '')::float8, 1));
BEGIN
    RETURN QUERY
    WITH lanes AS MATERIALIZED (
        SELECT l.*, split_part(l.lane, chr(31), 1) AS key, row_number() OVER () AS nth
          FROM (SELECT x.lane, x.names, x.rank, x.place + s.shift AS place, x.head, s.shift
                  FROM unnest(sets, shifts) AS s (names, shift)
                 CROSS JOIN LATERAL (
                       SELECT y.lane, y.names, y.rank, y.place, y.head
                         FROM lapinq_lanes y
                        WHERE y.queue_name = q.name
                          AND y.names = s.names
                          AND y.is_open
                          AND (y.rank, y.place) >= (CASE s.names WHEN '' THEN first_rank ELSE lowest END,
                                                    CASE s.names WHEN '' THEN first_place ELSE '-infinity' END)
                          AND y.rank <= max_rank + lane_distance
                        ORDER BY y.queue_name, y.names, y.rank, y.place
                        LIMIT greatest(0, size)) AS x
                 ORDER BY x.rank, x.place + s.shift
                 LIMIT greatest(0, size)) AS l
    ), capped AS MATERIALIZED (
        SELECT l.lane, l.names, l.rank, l.head, l.shift, l.key,
               -- Later than its key only if another order left it so: the look at it is yet to come.
               CASE WHEN is_fair AND l.names = '' THEN least(l.place, greatest(q.virtual_time, k.virtual_time))
                    ELSE l.place END AS place,
               CASE WHEN l.lane = ANY (long_lanes) THEN room + 1
                         ELSE (SELECT 1 + ceil(room::float8 / count(*)) FROM lanes) END AS at_once,
               greatest(0.001, coalesce((q.weights ->> l.key)::float8, 1)) AS weight,
               is_fair AND coalesce(l.place < k.virtual_time - rounding * greatest(1, k.virtual_time), false)
               OR is_strict AND l.head IS NULL AND l.key > '' AS is_behind,
               CASE WHEN l.key > '' THEN
                    least(CASE WHEN is_strict THEN 1 END,
                          floor(lapinq_tokens(q.rate_per_key, k.tokens, k.tokens_at)),
                          CASE WHEN q.max_running_per_key IS NOT NULL
                               THEN q.max_running_per_key - (SELECT count(*)
                                                               FROM lapinq_running r
                                                              WHERE r.queue_name = q.name
                                                                AND split_part(r.lane, chr(31), 1) = l.key
                                                                AND r.lane IS NOT NULL) END)::integer
               END AS most
          FROM lanes l
          LEFT JOIN LATERAL (
               SELECT x.virtual_time, x.tokens, x.tokens_at
                 FROM lapinq_keys x
                WHERE (is_fair OR q.rate_per_key IS NOT NULL)
                  AND l.key > ''
                  AND x.queue_name = q.name
                  AND x.key = l.key
                LIMIT 1) AS k ON true
    ), found AS (
        SELECT c.lane, c.key, c.names, coalesce(h.row_id, t.row_id) AS row_id, coalesce(h.id, t.id) AS id,
               coalesce(h.rank, t.rank, c.rank) AS rank, coalesce(h.seq, t.seq) AS seq, coalesce(h.units, t.units) AS units,
               coalesce(h.isolation, t.isolation) AS isolation, c.most,
               CASE WHEN is_fair THEN c.place + coalesce(t.cost_before, 0) / c.weight
                    WHEN is_strict THEN coalesce(h.seq, t.last_seq, c.place)
                    ELSE coalesce(t.seq, c.place) END AS then_by,
               coalesce(t.nth, 1) AS nth,
               c.place + coalesce(t.cost_before + t.cost, 0) / c.weight AS "time", c.shift, c.is_behind,
               NOT is_fair AND t.nth = 1 AND (c.rank, c.place) < (CASE WHEN by_priority THEN t.rank ELSE 0 END, t.seq) AS is_late,
               coalesce(t.nth = c.at_once AND (c.most IS NULL OR c.most > c.at_once), false) AS ends
          FROM capped c
          LEFT JOIN LATERAL (
               SELECT x.ctid AS row_id, x.id, x.rank, x.seq, x.units, x.isolation
                 FROM lapinq_ready x
                WHERE c.head IS NOT NULL
                  AND c.most >= 1
                  AND x.id = c.head
                  AND (x.expires_at IS NULL OR x.expires_at > lapinq_now())
                  AND (x.isolation < 2 OR isolated > 0)
                  AND (limits IS NULL OR x.units IS NULL OR NOT lapinq_is_too_large_1(c.names, x.units, limits))
                LIMIT 1
                  FOR UPDATE SKIP LOCKED) AS h ON true
          LEFT JOIN LATERAL (
               SELECT one.*, row_number() OVER so_far AS nth, max(one.seq) OVER so_far AS last_seq,
                      sum(one.cost) OVER so_far - one.cost AS cost_before
                 FROM (SELECT x.ctid AS row_id, x.id, x.rank, x.seq, x.units, x.isolation,
                              CASE WHEN is_fair THEN coalesce((SELECT max(u) FROM unnest(x.units) AS u), 1) ELSE 1 END::float8 AS cost
                         FROM lapinq_ready x
                        WHERE c.head IS NULL
                          AND NOT c.is_behind
                          AND x.queue_name = q.name
                          AND x.lane BETWEEN c.lane AND c.lane
                          AND (x.expires_at IS NULL OR x.expires_at > lapinq_now())
                          AND (x.isolation < 2 OR isolated > 0)
                          AND (limits IS NULL OR x.units IS NULL OR NOT lapinq_is_too_large_1(c.names, x.units, limits))
                        ORDER BY x.queue_name, x.lane, x.rank, x.seq
                        LIMIT greatest(0, least(c.most, c.at_once))
                          FOR UPDATE SKIP LOCKED) AS one
               WINDOW so_far AS (ROWS UNBOUNDED PRECEDING)) AS t ON true
        UNION ALL
        SELECT NULL, '', '', u.row_id, u.id, u.rank, u.seq, NULL, u.isolation, NULL,
               CASE WHEN is_fair THEN greatest(q.unkeyed_time, q.virtual_time) + (row_number() OVER () - 1) / unkeyed_weight
                    WHEN is_strict THEN max(u.seq) OVER (ROWS UNBOUNDED PRECEDING)
                    ELSE u.seq END,
               row_number() OVER (), NULL, NULL, false, false, false
          FROM (SELECT x.ctid AS row_id, x.id, x.rank, x.seq, x.isolation
                  FROM lapinq_ready x
                 WHERE x.queue_name = q.name
                   AND (x.rank, x.seq) >= (mark_rank, mark_seq)
                   AND x.rank <= max_rank
                   AND (x.expires_at IS NULL OR x.expires_at > lapinq_now())
                   AND (x.isolation < 2 OR isolated > 0)
                 ORDER BY x.queue_name, x.rank, x.seq
                 LIMIT greatest(0, room)
                   FOR UPDATE SKIP LOCKED) AS u
        UNION ALL
        -- Behind the place of the last lane may be others.
        SELECT l.lane, l.key, l.names, NULL, NULL, l.rank, NULL, NULL, NULL, NULL, l.place, NULL, NULL, NULL,
               false, false, true
          FROM lanes l
         WHERE l.nth = size
    )
    SELECT f.lane, f.key, f.names, f.row_id, f.id, f.rank, f.seq, f.units, f.isolation, f.most,
           CASE WHEN NOT by_priority THEN 0 WHEN f.lane IS NULL THEN f.rank ELSE f.rank - lane_distance END AS first_by,
           f.then_by, f.nth, f.time, f.shift, f.is_behind, f.is_late IS TRUE, f.ends
      FROM found f
     ORDER BY first_by, f.then_by, CASE WHEN is_strict THEN f.nth ELSE f.seq END;
END
$function$;
