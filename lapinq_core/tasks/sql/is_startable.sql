-- Whether queues that have ready tasks have one that a drain works on: it may start now, or as soon as a running task of the
-- queue ends or the queue's own rate allows it. Not those that wait for a time or for others, as delayed ones do: while a named
-- limit is closed, has too few units or no place, while their queue's circuit breaker is open, and in strict order while their
-- key waits for a retry.
-- Lanes and limits with news count: the next claim looks at them. Locks nothing. Relies on lapinq_ready_claim,
-- lapinq_ready_lane, lapinq_running_units and the primary keys; reads all lanes of a queue if nothing of it may start.
WITH running AS MATERIALIZED (
    SELECT one.name, count(*) AS tasks
      FROM lapinq_running r
     CROSS JOIN LATERAL unnest(string_to_array(split_part(r.lane, chr(31), 2), ',')) AS one (name)
     WHERE r.units IS NOT NULL
     GROUP BY one.name
)
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
                                      WHERE need.units > (x.rate ->> 'burst')::float8
                                         OR (x.closed_until > lapinq_now()
                                             OR need.units > lapinq_tokens(x.rate, x.tokens, x.tokens_at)
                                             OR x.max_running <= (SELECT u.tasks FROM running u WHERE u.name = x.name))
                                            AND NOT EXISTS (SELECT FROM lapinq_limit_news n WHERE n.limit_name = x.name)
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
