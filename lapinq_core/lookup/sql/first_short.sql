-- The first task of a queue that is before one in the order and needs more units of one of its limits than are left: behind
-- that, nothing else that takes from the limit starts. Those that need more than it ever has are passed. Returns its id, the limit and the units it needs.
-- Looks at the first task of at most fifty open lanes of each set of limits. In fair order a set may be shifted
-- (pick_governed.sql).
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
    SELECT name, start_order, virtual_time, lane_shifts
      FROM lapinq_queues
     WHERE name = %(queue)s::text
), shifted AS MATERIALIZED (
    SELECT s.names,
           CASE WHEN q.start_order = 'fair'
                THEN greatest(0, (q.lane_shifts ->> s.names)::float8,
                              q.virtual_time - (SELECT place
                                                  FROM lapinq_lanes
                                                 WHERE queue_name = %(queue)s::text
                                                   AND names = s.names
                                                   AND is_open
                                                 ORDER BY queue_name, names, rank, place
                                                 LIMIT 1))
                ELSE 0 END AS shift
      FROM sets s
     CROSS JOIN q
), own AS MATERIALIZED (
    SELECT coalesce(l.rank, CASE WHEN q.start_order = 'priority' THEN %(rank)s::bigint ELSE 0 END) AS rank,
           coalesce(l.place + s.shift, CASE WHEN q.start_order = 'fair' THEN q.virtual_time ELSE %(seq)s::bigint END) AS start
      FROM q
      LEFT JOIN lapinq_lanes l ON l.queue_name = %(queue)s::text AND l.lane = %(lane)s::text AND l.is_open
      LEFT JOIN shifted s ON s.names = l.names
)
SELECT first.id::text, need.name, need.units
  FROM shifted s
 CROSS JOIN LATERAL (
       SELECT lane, rank, place + s.shift AS start, head
         FROM lapinq_lanes
        WHERE queue_name = %(queue)s::text
          AND names = s.names
          AND is_open
        ORDER BY queue_name, names, rank, place
        LIMIT 50) AS l
 CROSS JOIN LATERAL (
      (SELECT id, units, seq
         FROM lapinq_ready
        WHERE queue_name = %(queue)s::text
          AND lane = l.lane
          AND l.head IS NULL
        ORDER BY queue_name, lane, rank, seq
        LIMIT 1)
       UNION ALL
       SELECT id, units, seq
         FROM lapinq_ready
        WHERE id = l.head) AS first
 CROSS JOIN own
 CROSS JOIN LATERAL unnest(string_to_array(s.names, ','), first.units) AS need (name, units)
  JOIN unnest(%(names)s::text[], %(tokens)s::float8[], %(bursts)s::float8[]) AS rest (name, tokens, burst)
       ON rest.name = need.name
 WHERE need.units > rest.tokens
   AND need.units <= rest.burst
   AND first.id <> %(id)s::uuid
   AND (l.lane = %(lane)s::text OR (l.rank, l.start) <= (own.rank, own.start)) -- before it looks at their tasks
   AND (l.lane = %(lane)s::text OR (l.rank, l.start, first.seq) < (own.rank, own.start, %(seq)s::bigint))
 ORDER BY l.rank, l.start, first.seq
 LIMIT 1
