-- The first task of a queue that is before one in the order and needs more units of one of its limits than are left: behind
-- that, nothing else that takes from the limit starts. Returns the limit, its id, the units it needs, when there are enough,
-- and what the limit allows.
-- Passes what the next claim will not start either (lapinq_claim_governed_2): sets of limits of which one is closed, has no
-- place or nothing left (lapinq_limits_now_1), and tasks past their time to live or that need more than a limit ever has. In
-- fair order a set may be shifted (lapinq_next_sets_1).
-- Looks at the first hundred tasks of at most fifty open lanes of each set of limits.
-- Locks nothing. Relies on lapinq_lanes_open, lapinq_lanes_pkey and lapinq_ready_lane.
WITH RECURSIVE sets AS (
    (SELECT names
       FROM lapinq_lanes
      WHERE queue_name = %(queue)s::text
        AND is_open
        AND names > ''
      ORDER BY queue_name, names
      LIMIT 1)
    UNION ALL
    SELECT next.names
      FROM sets
     CROSS JOIN LATERAL (
           SELECT l.names
             FROM lapinq_lanes l
            WHERE l.queue_name = %(queue)s::text
              AND l.is_open
              AND l.names > sets.names
            ORDER BY l.queue_name, l.names
            LIMIT 1) AS next
), q AS MATERIALIZED (
    SELECT x.start_order, x.virtual_time, next.all_shifts AS shifts
      FROM lapinq_queues x
     CROSS JOIN LATERAL lapinq_next_sets_1(x, '{}', 0) AS next
     WHERE x.name = %(queue)s::text
), limits AS MATERIALIZED (
    SELECT l.name, l.max_running, l.rate, (l.rate ->> 'burst')::float8 AS burst, own.tokens,
           l.blocked_by IS NOT NULL
           OR (own.tokens < 1) IS TRUE
           OR (l.reserved_by <> %(queue)s::text AND l.running + l.reserved_places >= l.max_running) IS TRUE AS is_shut
      FROM lapinq_limits_now_1() AS l
     CROSS JOIN LATERAL (
           SELECT l.tokens - CASE WHEN l.reserved_by <> %(queue)s::text THEN l.reserved ELSE 0 END AS tokens) AS own
     WHERE l.name = ANY (ARRAY(SELECT unnest(string_to_array(names, ',')) FROM sets))
), shifted AS MATERIALIZED (
    SELECT s.names, coalesce((q.shifts ->> s.names)::float8, 0) AS shift
      FROM sets s
     CROSS JOIN q
), own AS MATERIALIZED (
    SELECT CASE q.start_order WHEN 'priority' THEN %(rank)s::bigint ELSE 0 END AS rank,
           CASE q.start_order WHEN 'priority' THEN %(seq)s::bigint
                              WHEN 'fair' THEN coalesce(l.place + s.shift, q.virtual_time)
                              ELSE greatest(%(seq)s::bigint, l.place) END AS start
      FROM q
      LEFT JOIN lapinq_lanes l ON l.queue_name = %(queue)s::text AND l.lane = %(lane)s::text AND l.is_open
      LEFT JOIN shifted s ON s.names = l.names
)
SELECT need.name, first.id::text, need.units, lapinq_filled_at_1(limits.rate, limits.tokens, need.units), limits.max_running,
       limits.rate
  FROM shifted s
 CROSS JOIN LATERAL (
       SELECT lane, rank, place + s.shift AS start, head
         FROM lapinq_lanes
        WHERE queue_name = %(queue)s::text
          AND names = s.names
          AND is_open
        ORDER BY queue_name, names, rank, place
        LIMIT 50) AS l
 CROSS JOIN own
 CROSS JOIN LATERAL (
       SELECT id, units, seq
         FROM ((SELECT id, units, rank, seq, expires_at
                  FROM lapinq_ready
                 WHERE queue_name = %(queue)s::text
                   AND lane = l.lane
                   AND l.head IS NULL
                 ORDER BY queue_name, lane, rank, seq
                 LIMIT 100)
                UNION ALL
               SELECT id, units, rank, seq, expires_at
                 FROM lapinq_ready
                WHERE id = l.head) AS few
        WHERE (expires_at IS NULL OR expires_at > lapinq_now())
          AND NOT EXISTS (SELECT
                            FROM unnest(string_to_array(s.names, ','), units) AS need (name, units)
                            JOIN limits USING (name)
                           WHERE need.units > limits.burst)
        ORDER BY rank, seq
        LIMIT 1) AS first
 CROSS JOIN LATERAL unnest(string_to_array(s.names, ','), first.units) AS need (name, units)
  JOIN limits USING (name)
 WHERE NOT EXISTS (SELECT FROM limits WHERE is_shut AND name = ANY (string_to_array(s.names, ',')))
   AND need.name = ANY (%(names)s::text[])
   AND need.units > limits.tokens
   AND first.id <> %(id)s::uuid
   AND (l.lane = %(lane)s::text OR (l.rank, l.start) <= (own.rank, own.start)) -- before it looks at their tasks
   AND (l.lane = %(lane)s::text OR (l.rank, l.start, first.seq) < (own.rank, own.start, %(seq)s::bigint))
 ORDER BY l.rank, l.start, first.seq
 LIMIT 1
