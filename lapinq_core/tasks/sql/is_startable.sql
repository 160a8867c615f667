-- Whether queues that have ready tasks have one that a drain works on: it may start now, or as soon as a running task of the
-- queue ends or the queue's own rate allows it. Not those that wait for a time or for others, as delayed ones do: for a named
-- limit, while their queue's circuit breaker is open, and in strict order while their key waits for a retry.
-- Lanes with news count: the next claim looks at them. Locks nothing. Relies on lapinq_ready_claim, lapinq_ready_lane and the
-- primary keys. Asks of the first tasks of a hundred lanes, then of all, a thousand at a time (lapinq_blocks_1).
SELECT EXISTS (
       SELECT
         FROM unnest(%(queues)s::text[]) AS given (name)
         LEFT JOIN lapinq_queues q ON q.name = given.name
        WHERE NOT EXISTS (SELECT
                            FROM lapinq_blocks_of_queue_1(q) AS b
                           WHERE b.kind = 'breaker'
                             AND b.until IS NOT NULL)
          AND (EXISTS (SELECT
                         FROM lapinq_ready r
                        WHERE r.queue_name = given.name
                          AND r.rank <= 1099511627776)
               OR EXISTS (SELECT FROM lapinq_lane_news n WHERE n.queue_name = given.name)
               OR EXISTS (
                  SELECT
                    FROM (VALUES (100), (2147483647)) AS part (lanes)
                   CROSS JOIN LATERAL (
                         SELECT array_agg(few.id) AS ids
                           FROM (SELECT first.id, row_number() OVER (ORDER BY l.queue_name, l.lane) AS nth
                                   FROM lapinq_lanes l
                                  CROSS JOIN LATERAL (
                                        SELECT r.id
                                          FROM lapinq_ready r
                                         WHERE r.queue_name = l.queue_name
                                           AND r.lane = l.lane
                                         ORDER BY r.queue_name, r.lane, r.rank, r.seq
                                         LIMIT 1) AS first
                                  WHERE l.queue_name = given.name
                                  ORDER BY l.queue_name, l.lane
                                  LIMIT greatest(0, part.lanes)) AS few
                          GROUP BY few.nth / 1000) AS of_lanes
                   CROSS JOIN LATERAL (
                         SELECT unnest(of_lanes.ids)
                         EXCEPT
                         SELECT b.id
                           FROM lapinq_blocks_1(of_lanes.ids) AS b
                          WHERE b.kind IN ('limit_closed', 'limit_full', 'limit_used', 'limit_too_small')
                             OR b.kind = 'key_order' AND b.until IS NOT NULL) AS startable)))
