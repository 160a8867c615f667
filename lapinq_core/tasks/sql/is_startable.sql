-- Whether queues that have ready tasks have one that a drain works on: it may start now, or as soon as a running task ends
-- or a rate allows it. Not those that wait for a time, as delayed ones do: while a task has closed their limit, while their
-- queue's circuit breaker is open, and in strict order while their key waits for a retry. Nor those that need more units
-- than a limit ever has.
-- Lanes with news count: the next claim looks at them. Locks nothing. Relies on lapinq_ready_claim, lapinq_ready_lane and the
-- primary keys; reads all lanes of a queue if nothing of it may start.
SELECT EXISTS (
       SELECT
         FROM unnest(%(queues)s::text[]) AS given (name)
         LEFT JOIN lapinq_queues q ON q.name = given.name
        WHERE NOT EXISTS (SELECT
                            FROM lapinq_breakers b
                           WHERE b.queue_name = given.name
                             AND b.state = 'open'
                             AND b.tries_at > lapinq_now())
          AND (EXISTS (SELECT
                         FROM lapinq_ready r
                        WHERE r.queue_name = given.name
                          AND r.rank <= 1099511627776)
               OR EXISTS (SELECT FROM lapinq_lane_news n WHERE n.queue_name = given.name)
               OR EXISTS (
                  SELECT
                    FROM lapinq_lanes l
                   CROSS JOIN LATERAL (
                         SELECT units
                           FROM lapinq_ready r
                          WHERE r.queue_name = l.queue_name
                            AND r.lane = l.lane
                          ORDER BY r.queue_name, r.lane, r.rank, r.seq
                          LIMIT 1) AS first
                   WHERE l.queue_name = given.name
                     AND NOT EXISTS (SELECT
                                       FROM unnest(string_to_array(l.names, ','), first.units) AS need (name, units)
                                       JOIN lapinq_limits x ON x.name = need.name
                                      WHERE x.closed_until > lapinq_now()
                                         OR need.units > (x.rate ->> 'burst')::float8
                                         OR EXISTS (SELECT
                                                      FROM lapinq_limit_news n
                                                     WHERE n.limit_name = x.name
                                                       AND n.closed_until > lapinq_now()))
                     AND NOT (q.start_order = 'strict_per_key'
                              AND EXISTS (SELECT
                                            FROM lapinq_keys k
                                            JOIN lapinq_delayed d ON d.id = k.holder
                                           WHERE k.queue_name = l.queue_name
                                             AND k.key = split_part(l.lane, chr(31), 1)
                                             AND k.key > ''
                                             AND split_part(d.lane, chr(31), 1) = k.key)))))
