-- For claim.sql, after pick_governed.sql: writes what the claim used up. Lanes get the place of their next task, or close; in
-- priority order also those whose first tasks are past their time to live, which keep no place for the ones behind them.
-- So do the other lanes of their keys: left open when the key is full, they would take the place of others in the next claim.
-- In fair order the queue's virtual time becomes that at which the last of these tasks starts, with or without a key. Other
-- orders leave virtual times alone. A bucket fills in at most a hundred years, and a weight is at least 0.001: what else is
-- stored would overflow.
-- Locks nothing that the caller has not locked. Relies on the primary keys and lapinq_ready_lane.
served AS MATERIALIZED (
    SELECT s.*, sum(s.tasks) OVER (PARTITION BY c.key) AS tasks_of_key,
           max(c.start) OVER (PARTITION BY c.key)
           + CASE WHEN c.start_order = 'fair' THEN sum(s.cost) OVER (PARTITION BY c.key) / c.weight ELSE 0 END AS key_time,
           c.key, c.weight, c.start_order, c.start, c.shift, c.most, c.tokens, c.tokens_at, c.rate_per_key, next.rank, next.seq
      FROM (SELECT lane, count(*) AS tasks, array_agg(id) AS ids, (array_agg(id ORDER BY rank DESC, seq DESC))[1] AS last,
                   sum(cost) AS cost, (array_agg(cost ORDER BY rank DESC, seq DESC))[1] AS last_cost
              FROM (SELECT *, coalesce((SELECT max(unit) FROM unnest(units) AS unit), 1) AS cost FROM taken) AS costly
             WHERE lane IS NOT NULL
             GROUP BY lane) AS s
      JOIN capped c USING (lane)
      LEFT JOIN LATERAL (
           SELECT rank, seq
             FROM lapinq_ready
            WHERE queue_name = %(queue)s::text
              AND lane BETWEEN s.lane AND s.lane
              AND id <> ALL (s.ids)
              AND c.head IS NULL
            ORDER BY queue_name, lane, rank, seq
            LIMIT 1) AS next ON true
), moved AS (
    UPDATE lapinq_lanes l
       SET is_open = s.seq IS NOT NULL AND (s.most IS NULL OR s.most > s.tasks_of_key),
           rank = CASE WHEN s.start_order = 'priority' THEN coalesce(s.rank, l.rank) ELSE 0 END,
           place = CASE WHEN s.start_order = 'fair' THEN s.key_time - s.shift ELSE coalesce(s.seq, l.place) END,
           opens_at = CASE WHEN s.seq IS NOT NULL AND s.tokens - s.tasks_of_key < 1
                           THEN lapinq_now() + least(3155760000,
                                                     (1 - s.tokens + s.tasks_of_key) * (s.rate_per_key ->> 'period_seconds')::float8
                                                     / (s.rate_per_key ->> 'limit')::float8) * interval '1 second' END,
           head = NULL,
           changed_at = lapinq_now()
      FROM served s
     CROSS JOIN LATERAL (
           SELECT ctid AS row_id
             FROM lapinq_lanes
            WHERE queue_name = %(queue)s::text
              AND lane = s.lane
            LIMIT 1) AS one
     WHERE l.ctid = one.row_id
), shut AS (
    UPDATE lapinq_lanes l
       SET is_open = next.seq IS NOT NULL,
           rank = coalesce(next.rank, l.rank),
           place = coalesce(next.seq, l.place),
           opens_at = CASE WHEN next.seq IS NOT NULL THEN NULL
                           WHEN c.tokens < 1
                           THEN lapinq_now() + least(3155760000,
                                                     (1 - c.tokens) * (c.rate_per_key ->> 'period_seconds')::float8
                                                     / (c.rate_per_key ->> 'limit')::float8) * interval '1 second'
                           -- Its tasks must run alone, for which this worker has no place.
                           WHEN c.cap > 0 AND %(isolated)s::integer = 0 THEN lapinq_now() + interval '1 second'
                           -- Its tasks need more than their limit ever has.
                           WHEN c.cap > 0 AND c.names > '' THEN lapinq_now() + interval '15 seconds' END,
           changed_at = lapinq_now()
      FROM offered c
     CROSS JOIN LATERAL (
           SELECT ctid AS row_id, rank, place
             FROM lapinq_lanes
            WHERE queue_name = %(queue)s::text
              AND lane = c.lane
            LIMIT 1) AS one
      LEFT JOIN LATERAL (
           SELECT rank, seq
             FROM lapinq_ready
            WHERE queue_name = %(queue)s::text
              AND lane BETWEEN c.lane AND c.lane
              AND (expires_at IS NULL OR expires_at > lapinq_now())
              AND (isolation < 2 OR %(isolated)s::integer > 0)
              AND c.cap > 0
            ORDER BY queue_name, lane, rank, seq
            LIMIT 1) AS next ON (next.rank, next.seq) > (one.rank, one.place) AND (SELECT start_order FROM policy) = 'priority'
     WHERE l.ctid = one.row_id
       AND c.row_id IS NULL
    RETURNING l.lane
), moved_beside AS (
    UPDATE lapinq_lanes l
       SET is_open = NOT one.is_full,
           place = CASE WHEN one.start_order = 'fair' THEN one.place ELSE l.place END,
           opens_at = CASE WHEN one.tokens < 1
                           THEN lapinq_now() + least(3155760000,
                                                     (1 - one.tokens) * (one.rate_per_key ->> 'period_seconds')::float8
                                                     / (one.rate_per_key ->> 'limit')::float8) * interval '1 second' END,
           changed_at = lapinq_now()
      FROM (SELECT s.tasks_of_key >= s.most IS TRUE AS is_full, s.key_time - x.shift AS place, s.start_order,
                   s.tokens - s.tasks_of_key AS tokens, s.rate_per_key, other.row_id
              FROM served s
             CROSS JOIN LATERAL (
                   SELECT ctid AS row_id, lane, names, is_open, place
                     FROM lapinq_lanes
                    WHERE queue_name = %(queue)s::text
                      AND lane >= s.key
                      AND lane < s.key || ' '
                    ORDER BY queue_name, lane
                    LIMIT 1000) AS other -- those that refresh_lanes.sql looks at when the key has room
              JOIN shifted x USING (names)
             WHERE (SELECT count(*) > 1 FROM sets) -- else no key has two open lanes
               AND (s.start_order = 'fair' OR s.tasks_of_key >= s.most)
               AND s.lane = (SELECT min(lane) FROM served WHERE key = s.key)
               AND other.is_open
               AND (s.tasks_of_key >= s.most OR other.place < s.key_time - x.shift)
               AND other.lane <> ALL (ARRAY(SELECT lane FROM served
                                             UNION ALL
                                            SELECT lane FROM offered WHERE row_id IS NULL))) AS one
     WHERE l.ctid = one.row_id
), remembered AS (
    INSERT INTO lapinq_keys AS k (queue_name, key, virtual_time, tokens, tokens_at, holder, changed_at)
    SELECT %(queue)s::text, key, min(key_time), min(tokens) - sum(tasks),
           CASE WHEN min(tokens) IS NOT NULL
                THEN lapinq_refilled_at((array_agg(rate_per_key))[1], min(tokens_at)) END,
           min(last::text)::uuid, lapinq_now()
      FROM served
     WHERE start_order <> 'priority'
        OR rate_per_key IS NOT NULL
     GROUP BY key
        ON CONFLICT (queue_name, key) DO UPDATE
       SET virtual_time = excluded.virtual_time,
           tokens = excluded.tokens,
           tokens_at = excluded.tokens_at,
           holder = excluded.holder,
           changed_at = excluded.changed_at
), charged AS (
    UPDATE lapinq_limits l
       SET tokens = lapinq_tokens(l.rate, l.tokens, l.tokens_at) - u.units,
           tokens_at = lapinq_refilled_at(l.rate, l.tokens_at)
      FROM (SELECT name, sum(need.units) AS units
              FROM taken
             CROSS JOIN LATERAL unnest(string_to_array(split_part(lane, chr(31), 2), ','), taken.units)
                                AS need (name, units)
             WHERE taken.units IS NOT NULL
             GROUP BY name) AS u
     WHERE l.name = u.name
       AND l.rate IS NOT NULL
), went_on AS (
    UPDATE lapinq_queues x
       SET tokens = q.tokens - n.tasks,
           tokens_at = lapinq_refilled_at(x.rate, x.tokens_at),
           virtual_time = CASE WHEN x.start_order <> 'fair' THEN x.virtual_time
                               WHEN n.unkeyed > 0
                               THEN greatest(n.reached, greatest(x.unkeyed_time, x.virtual_time)
                                                        + (n.unkeyed - 1) / greatest(0.001, coalesce((x.weights ->> '')::float8, 1)))
                               ELSE greatest(x.virtual_time, n.reached) END,
           unkeyed_time = CASE WHEN x.start_order = 'fair' AND n.unkeyed > 0
                               THEN greatest(x.unkeyed_time, x.virtual_time)
                                    + n.unkeyed / greatest(0.001, coalesce((x.weights ->> '')::float8, 1))
                               ELSE x.unkeyed_time END,
           lane_shifts = CASE WHEN x.start_order = 'fair' THEN (SELECT jsonb_object_agg(names, shift) FROM shifted WHERE shift > 0)
                              ELSE x.lane_shifts END
      FROM q,
           (SELECT count(*) AS tasks, count(*) FILTER (WHERE lane IS NULL) AS unkeyed,
                   (SELECT max(start + (cost - last_cost) / weight) FROM served) AS reached
              FROM taken) AS n
     WHERE x.name = %(queue)s::text
       AND n.tasks > 0
       AND (x.rate IS NOT NULL OR x.start_order = 'fair')
)
