-- About how many tasks start before one that waits in a lane, in a queue that shares starts among keys: those ahead of it
-- in its lane, and of every other open lane as many as have their turn before. Takes each to cost one unit.
-- Lanes that take from limits start later than their places say, and none starts before the queue's virtual time
-- (lapinq_next_sets_1).
-- Looks at a hundred lanes, those with the first turns, and at the tasks without a key as one more; counts at most `most`.
-- Locks nothing. Relies on lapinq_lanes_open, lapinq_ready_lane, lapinq_ready_claim and the primary keys.
WITH q AS MATERIALIZED (
    SELECT x.virtual_time, greatest(x.unkeyed_time, x.virtual_time) AS unkeyed_time, x.weights, next.all_shifts AS shifts,
           greatest(l.place + coalesce((next.all_shifts ->> l.names)::float8, 0), k.virtual_time, x.virtual_time)
           + %(ahead)s::integer / greatest(0.001, coalesce((x.weights ->> %(key)s::text)::float8, 1)) AS turn
      FROM lapinq_queues x
     CROSS JOIN LATERAL lapinq_next_sets_1(x, '{}', 0) AS next
      LEFT JOIN lapinq_lanes l ON l.queue_name = x.name AND l.lane = %(lane)s::text AND l.is_open
      LEFT JOIN lapinq_keys k ON k.queue_name = x.name AND k.key = %(key)s::text
     WHERE x.name = %(queue)s::text
), lanes AS MATERIALIZED (
    SELECT l.lane, greatest(l.start, q.virtual_time) AS start, q.turn,
           greatest(0.001, coalesce((q.weights ->> split_part(l.lane, chr(31), 1))::float8, 1)) AS weight
      FROM q
     CROSS JOIN LATERAL (
           SELECT lane, place + shift AS start
             FROM lapinq_lanes
            CROSS JOIN LATERAL (SELECT coalesce((q.shifts ->> names)::float8, 0) AS shift) AS of_set
            WHERE queue_name = %(queue)s::text
              AND is_open
              AND lane <> %(lane)s::text
              AND place + shift < q.turn
            ORDER BY queue_name, names, rank, place
            LIMIT 100) AS l
)
SELECT least(%(most)s::integer,
             %(ahead)s::integer
             + coalesce((SELECT sum(waiting.tasks)
                           FROM lanes l
                          CROSS JOIN LATERAL (
                                SELECT count(*) AS tasks
                                  FROM (SELECT
                                          FROM lapinq_ready
                                         WHERE queue_name = %(queue)s::text
                                           AND lane = l.lane
                                         ORDER BY queue_name, lane, rank, seq
                                         LIMIT least(%(most)s::integer, ceil((l.turn - l.start) * l.weight))) AS few
                                ) AS waiting), 0)
             + (SELECT count(*)
                  FROM q
                 CROSS JOIN LATERAL (
                       SELECT
                         FROM lapinq_ready
                        WHERE queue_name = %(queue)s::text
                          AND rank <= 1099511627776
                        ORDER BY queue_name, rank, seq
                        LIMIT least(%(most)s::integer,
                                    greatest(0, ceil((q.turn - q.unkeyed_time)
                                                     * coalesce((q.weights ->> '')::float8, 1))))) AS few))::integer
