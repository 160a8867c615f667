-- For claim.sql: up to `limit` tasks of a queue with a policy, or with tasks in lanes, and the rows of its policy as they
-- are after that. In priority order, `max_rank` keeps it from passing a higher priority in another queue.
-- First come the open lanes, in their order, and of each as many tasks as may start; tasks without key and limits are
-- offered beside them, from the mark on. In fair order a task's place is its lane's virtual time and what its lane is
-- offered before it, over the lane's weight. A limit is taken in that order, too: behind a task for which it has too few
-- units, no other task that takes from it starts, or that one would wait forever. Tasks that need more than the limit
-- ever has are not offered. Of each set of limits it looks at as many lanes as may start tasks: those that one set holds
-- back hide no other.
-- While a limit holds a set back in fair order, virtual time goes on without it. So the places of its lanes are shifted, that
-- the first of them is never before it: what was held back has no credit, and its lanes keep their order.
-- What tasks take is added up for all at once, also for those that then can't start because of their key or another limit.
-- So it ends before the first task that this wrongly leaves out, and the next claim begins with that.
-- In strict order it passes lanes of keys without a head: no claim has looked at them since the order became strict. Tasks of
-- a lane without a key follow each other by priority, like those that a small claim is offered: the later of them don't
-- pass the first of them.
-- Where there is a rate, it picks no more than `free`, what the worker can start at once: a start counts when it is
-- claimed, so it must not wait in the worker.
-- `again`: it found lanes that were open by mistake or at a wrong place, and corrected them. `opens_in`: the seconds until the
-- next may start.
-- {watched} is whether it takes from queues with a circuit breaker, and {breaker} how many starts that allows: none while
-- it is open, one probe while it is half open, and `free` after a failure.
-- For BETWEEN a lane and itself see refresh_lanes.sql. Where a lane ends at the place of the last one, that is part of the same
-- condition: as a filter it would read all that waits in the lane.
-- The caller holds the locks of the queue's row and of the limits, and has refreshed the lanes. Locks the rows it picks,
-- skipping locked ones. Relies on lapinq_lanes_open, lapinq_ready_lane, lapinq_ready_claim, lapinq_running_key and
-- lapinq_running_units.
policy AS MATERIALIZED (
    SELECT start_order, weights, has_breaker, virtual_time, unkeyed_time, lane_shifts, max_running, max_running_per_key,
           rate_per_key, rate, lapinq_tokens(rate, tokens, tokens_at) AS tokens
      FROM lapinq_queues
     WHERE name = %(queue)s::text
       AND paused_at IS NULL
       AND (NOT has_breaker OR {watched})
       AND (governed_xid IS NULL
            OR governed_xid < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
            OR governed_at < lapinq_now() - interval '30 seconds')
       AND EXISTS (SELECT FROM lapinq_workers w WHERE w.id = %(worker)s::uuid AND w.dead_at IS NULL)
), sets (names, place) AS (
    (SELECT names, place
       FROM lapinq_lanes
      WHERE queue_name = %(queue)s::text
        AND is_open
      ORDER BY queue_name, names, rank, place
      LIMIT 1)
    UNION ALL
    SELECT next.names, next.place
      FROM sets
     CROSS JOIN LATERAL (
           SELECT l.names, l.place
             FROM lapinq_lanes l
            WHERE l.queue_name = %(queue)s::text
              AND l.is_open
              AND l.names > sets.names
            ORDER BY l.queue_name, l.names, l.rank, l.place
            LIMIT 1) AS next
), shifted AS MATERIALIZED (
    SELECT s.names,
           CASE WHEN p.start_order = 'fair' AND s.names > ''
                THEN greatest(0, (p.lane_shifts ->> s.names)::float8, p.virtual_time - s.place)
                ELSE 0 END AS shift
      FROM sets s
     CROSS JOIN policy p
), running AS MATERIALIZED (
    SELECT name, count(*) AS tasks
      FROM lapinq_running r
     CROSS JOIN LATERAL unnest(string_to_array(split_part(r.lane, chr(31), 2), ',')) AS name
     WHERE r.units IS NOT NULL
       AND EXISTS (SELECT FROM sets WHERE names > '')
     GROUP BY name
), limits AS MATERIALIZED (
    SELECT l.name, l.rate, coalesce(lapinq_tokens(l.rate, l.tokens, l.tokens_at), 'infinity') AS tokens,
           coalesce(l.max_running - coalesce(r.tasks, 0), 2147483647) AS places,
           greatest(0, extract(epoch FROM l.closed_until - lapinq_now())::float8) AS closed_for
      FROM lapinq_limits l
      LEFT JOIN running r USING (name)
     WHERE l.name = ANY (ARRAY(SELECT unnest(string_to_array(names, ',')) FROM sets WHERE names > ''))
), q AS MATERIALIZED (
    SELECT p.*,
           greatest(0, least(%(limit)s::integer,
                             CASE WHEN num_nonnulls(rate, rate_per_key) > 0
                                       OR EXISTS (SELECT FROM limits WHERE limits.rate IS NOT NULL)
                                  THEN %(free)s::integer END,
                             CASE WHEN max_running IS NOT NULL THEN
                                  max_running - (SELECT count(*)
                                                   FROM lapinq_running
                                                  WHERE queue_name = %(queue)s::text)
                             END,
                             floor(tokens){breaker})) AS room
      FROM policy p
), lanes AS MATERIALIZED (
    SELECT l.lane, split_part(l.lane, chr(31), 1) AS key, l.names, l.place + s.shift AS place, s.shift, l.head,
           last_value(l.rank) OVER all_lanes AS last_rank, last_value(l.place + s.shift) OVER all_lanes AS last_place,
           count(*) OVER all_lanes AS lanes
      FROM q
     CROSS JOIN shifted s
     CROSS JOIN LATERAL (
           SELECT lane, names, rank, place, head
             FROM lapinq_lanes
            WHERE queue_name = %(queue)s::text
              AND names = s.names
              AND is_open
              AND (q.start_order <> 'strict_per_key' OR head IS NOT NULL OR lane < ' ')
              AND rank <= %(max_rank)s::bigint + 2199023255552
            ORDER BY queue_name, names, rank, place
            LIMIT greatest(0, q.room)) AS l
     WHERE NOT EXISTS (SELECT
                         FROM limits
                        WHERE name = ANY (string_to_array(s.names, ','))
                          AND (closed_for > 0 OR places < 1 OR tokens < 1))
    WINDOW all_lanes AS (ORDER BY l.rank, l.place + s.shift ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
), capped AS MATERIALIZED (
    SELECT l.*, greatest(0.001, coalesce((q.weights ->> l.key)::float8, 1)) AS weight, q.start_order, q.rate_per_key,
           CASE WHEN q.start_order = 'fair' THEN greatest(l.place, k.virtual_time)
                ELSE coalesce(k.virtual_time, 0) END AS start, room.tokens, k.tokens_at, room.most,
           greatest(0, least(q.room, room.most)) AS cap,
           CASE WHEN l.names > '' THEN
                EXISTS (SELECT
                          FROM (SELECT units
                                  FROM lapinq_ready
                                 WHERE queue_name = %(queue)s::text
                                   AND lane BETWEEN l.lane AND l.lane
                                   AND (expires_at IS NULL OR expires_at > lapinq_now())
                                 ORDER BY queue_name, lane, rank, seq
                                 LIMIT 1) AS first
                         CROSS JOIN LATERAL unnest(string_to_array(l.names, ','), first.units) AS need (name, units)
                          JOIN limits USING (name)
                         WHERE need.units > (limits.rate ->> 'burst')::float8)
           END AS is_first_too_large
      FROM lanes l
     CROSS JOIN q
      LEFT JOIN LATERAL (
           SELECT virtual_time, tokens, tokens_at
             FROM lapinq_keys
            WHERE queue_name = %(queue)s::text
              AND key = l.key
            LIMIT 1) AS k ON true
      LEFT JOIN LATERAL (
           SELECT bucket.tokens,
                  least(floor(bucket.tokens),
                        CASE WHEN l.head IS NOT NULL THEN 1 END,
                        q.max_running_per_key - (SELECT count(*)
                                                   FROM lapinq_running r
                                                  WHERE r.queue_name = %(queue)s::text
                                                    AND split_part(r.lane, chr(31), 1) = l.key
                                                    AND r.lane IS NOT NULL)) AS most
             FROM lapinq_tokens(q.rate_per_key, k.tokens, k.tokens_at) AS bucket (tokens)) AS room ON l.key > ''
), offered AS MATERIALIZED (
    SELECT c.lane, c.key, c.names, c.cap, c.rate_per_key, c.tokens, t.ctid AS row_id, t.id, t.units,
           CASE WHEN c.start_order = 'priority' THEN t.rank - 2199023255552 ELSE 0 END AS first_by,
           CASE c.start_order WHEN 'fair' THEN c.start + (t.cost_so_far - t.cost) / c.weight
                              WHEN 'strict_per_key' THEN t.last_seq
                              ELSE t.seq END AS then_by,
           CASE c.start_order WHEN 'strict_per_key' THEN t.nth ELSE t.seq END AS last_by
      FROM capped c
     CROSS JOIN q
     CROSS JOIN LATERAL (
           SELECT c.start_order = 'priority' AND c.lanes >= q.room AND c.is_first_too_large IS NOT TRUE AS ends) AS at_last
      LEFT JOIN LATERAL (
           SELECT *, sum(cost) OVER so_far AS cost_so_far, max(seq) OVER so_far AS last_seq, row_number() OVER so_far AS nth
             FROM (SELECT ctid, id, rank, seq, units,
                          coalesce((SELECT max(unit) FROM unnest(units) AS unit), 1) AS cost
                     FROM lapinq_ready
                    WHERE queue_name = %(queue)s::text
                      AND lane >= c.lane
                      AND (lane, rank, seq) <= (c.lane, CASE WHEN at_last.ends THEN c.last_rank ELSE 9223372036854775807 END,
                                                CASE WHEN at_last.ends THEN c.last_place::bigint ELSE 9223372036854775807 END)
                      AND (expires_at IS NULL OR expires_at > lapinq_now())
                      AND (isolation < 2 OR %(isolated)s::integer > 0)
                      AND (units IS NULL
                           OR NOT EXISTS (SELECT
                                            FROM unnest(string_to_array(c.names, ','), units) AS need (name, units)
                                            JOIN limits l USING (name)
                                           WHERE need.units > (l.rate ->> 'burst')::float8))
                    ORDER BY queue_name, lane, rank, seq
                    LIMIT greatest(0, CASE WHEN c.start_order <> 'fair' THEN c.cap
                                           WHEN c.lanes < q.room THEN least(c.cap, 1 + ceil(2.0 * q.room * c.weight / c.lanes))
                                           ELSE least(c.cap, 1 + ceil((c.last_place - c.place) * c.weight)) END)) AS one
           WINDOW so_far AS (ROWS UNBOUNDED PRECEDING)) AS t
           ON true
     WHERE c.head IS NULL
    UNION ALL
    SELECT c.lane, c.key, c.names, c.cap, c.rate_per_key, c.tokens, t.ctid, t.id, t.units, 0, t.seq, 0
      FROM capped c
      LEFT JOIN LATERAL (
           SELECT ctid, id, seq, units
             FROM lapinq_ready
            WHERE id = c.head
              AND c.cap > 0
              AND (expires_at IS NULL OR expires_at > lapinq_now())
              AND (isolation < 2 OR %(isolated)s::integer > 0)
              AND (units IS NULL
                   OR NOT EXISTS (SELECT
                                    FROM unnest(string_to_array(c.names, ','), units) AS need (name, units)
                                    JOIN limits l USING (name)
                                   WHERE need.units > (l.rate ->> 'burst')::float8))
            LIMIT 1) AS t ON true
     WHERE c.head IS NOT NULL
    UNION ALL
    SELECT NULL, '', '', q.room, NULL, NULL, t.ctid, t.id, NULL,
           CASE WHEN q.start_order = 'priority' THEN t.rank ELSE 0 END,
           CASE WHEN q.start_order = 'fair'
                THEN greatest(q.unkeyed_time, q.virtual_time)
                     + (row_number() OVER (ORDER BY t.rank, t.seq) - 1) / greatest(0.001, coalesce((q.weights ->> '')::float8, 1))
                ELSE t.seq END,
           t.seq
      FROM q
     CROSS JOIN LATERAL (
           SELECT ctid, id, rank, seq
             FROM lapinq_ready
            WHERE queue_name = %(queue)s::text
              AND (rank, seq) >= (%(mark_rank)s::bigint, %(mark_seq)s::bigint)
              AND rank <= %(max_rank)s::bigint
              AND (expires_at IS NULL OR expires_at > lapinq_now())
              AND (isolation < 2 OR %(isolated)s::integer > 0)
            ORDER BY queue_name, rank, seq
            LIMIT greatest(0, q.room)) AS t
), turns AS MATERIALIZED (
    SELECT o.row_id, o.id, o.key, o.names, o.cap, o.units,
           row_number() OVER (ORDER BY first_by, then_by, last_by) AS turn
      FROM offered o
     WHERE row_id IS NOT NULL
       AND (first_by <= %(max_rank)s::bigint OR (SELECT start_order FROM policy) <> 'priority')
), needs AS MATERIALIZED (
    SELECT turn, name, need.units, l.tokens, l.places, l.rate,
           min(CASE WHEN need.units > l.tokens THEN turn END) OVER (PARTITION BY name) AS stop
      FROM turns
     CROSS JOIN LATERAL unnest(string_to_array(names, ','), turns.units) AS need (name, units)
      JOIN limits l USING (name)
     WHERE turns.units IS NOT NULL
), stopped AS MATERIALIZED (
    SELECT n.*, bool_or(turn >= stop) OVER (PARTITION BY turn) IS TRUE AS is_stopped
      FROM needs n
), sums AS (
    SELECT turn, is_stopped, tokens, places,
           sum(units) FILTER (WHERE NOT is_stopped) OVER (PARTITION BY name ORDER BY turn) AS total,
           count(*) FILTER (WHERE NOT is_stopped) OVER (PARTITION BY name ORDER BY turn) AS tasks
      FROM stopped
), passed AS (
    SELECT t.row_id, t.id, t.key, t.turn, t.cap, row_number() OVER (PARTITION BY t.key ORDER BY t.turn) AS nth_of_key
      FROM turns t
     WHERE t.units IS NULL
        OR NOT t.turn = ANY (ARRAY(SELECT turn FROM sums WHERE is_stopped OR total > tokens OR tasks > places))
), fitting AS MATERIALIZED (
    SELECT p.row_id, p.id, p.turn
      FROM passed p
     WHERE p.key = ''
        OR p.nth_of_key <= p.cap
     ORDER BY p.turn
     LIMIT greatest(0, (SELECT room FROM q))
), tried AS (
    SELECT n.turn, n.name, f.is_fitting, f.is_key_full,
           n.units > n.tokens - coalesce(sum(n.units) FILTER (WHERE f.is_fitting) OVER before, 0) AS is_short,
           count(*) FILTER (WHERE f.is_fitting) OVER before >= n.places AS is_full
      FROM needs n
      JOIN (SELECT t.turn, f.turn IS NOT NULL AS is_fitting,
                   t.key <> '' AND count(f.turn) OVER (PARTITION BY t.key ORDER BY t.turn
                                                       ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) >= t.cap
                   AS is_key_full
              FROM turns t
              LEFT JOIN fitting f USING (turn)
             WHERE EXISTS (SELECT FROM needs)) AS f USING (turn)
    WINDOW before AS (PARTITION BY n.name ORDER BY n.turn ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
), blocked AS (
    SELECT *, is_key_full OR bool_or(is_full) OVER (PARTITION BY turn) AS is_blocked
      FROM tried
), behind AS (
    SELECT *, bool_or(is_short AND NOT is_blocked) OVER (PARTITION BY name ORDER BY turn) AS is_behind
      FROM blocked
), chosen AS MATERIALIZED (
    SELECT *
      FROM fitting
     WHERE turn < ALL (SELECT turn
                         FROM behind
                        WHERE NOT is_fitting
                        GROUP BY turn
                       HAVING NOT bool_or(is_blocked OR is_behind)
                        ORDER BY turn
                        LIMIT 1)
), picked AS MATERIALIZED (
    SELECT ctid, id >= %(since)s::uuid AND id < %(until)s::uuid AS is_here, isolation >= 2 AS is_isolated
      FROM lapinq_ready
     WHERE ctid = ANY (ARRAY(SELECT row_id FROM chosen))
       FOR UPDATE SKIP LOCKED
)
