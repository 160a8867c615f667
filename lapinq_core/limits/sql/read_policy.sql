-- The policy of a queue and what is used of it: the tokens left, when the next task may start by the rates (NULL: now, or
-- when another ends), and the keys of which most tasks run. No row for a queue that was never paused or limited.
-- The cost grows with the running tasks. Locks nothing. Relies on lapinq_queues_pkey, lapinq_lanes_open,
-- lapinq_lanes_opens_at, lapinq_ready_claim and lapinq_running_key.
SELECT json_build_object(
           'max_running', q.max_running, 'max_running_per_key', q.max_running_per_key, 'rate', q.rate,
           'rate_per_key', q.rate_per_key, 'order', q.start_order, 'weights', q.weights,
           'source', q.policy_source, 'tokens', now.tokens,
           'next_start_at',
           greatest(lapinq_filled_at_1(q.rate, now.tokens, 1),
                    CASE WHEN q.rate_per_key IS NOT NULL
                          -- By the index: EXISTS alone may read all lanes of all queues, up to an open one.
                          AND (SELECT true
                                 FROM lapinq_lanes
                                WHERE queue_name = %(queue)s::text
                                  AND is_open
                                ORDER BY queue_name, names, rank, place
                                LIMIT 1) IS NULL
                          AND (SELECT true
                                 FROM lapinq_ready
                                WHERE queue_name = %(queue)s::text
                                  AND rank <= 1099511627776
                                ORDER BY queue_name, rank, seq
                                LIMIT 1) IS NULL
                         THEN (SELECT opens_at
                                 FROM lapinq_lanes
                                WHERE queue_name = %(queue)s::text
                                  AND opens_at > lapinq_now()
                                ORDER BY queue_name, opens_at
                                LIMIT 1) END),
           'running_by_key',
           coalesce((SELECT json_object_agg(key, running ORDER BY running DESC, key)
                       FROM (SELECT split_part(lane, chr(31), 1) AS key, count(*) AS running
                               FROM lapinq_running
                              WHERE queue_name = %(queue)s::text
                                AND lane IS NOT NULL
                                AND split_part(lane, chr(31), 1) > ''
                              GROUP BY 1
                              ORDER BY running DESC, key
                              LIMIT 10) AS most), '{}'))::text
  FROM lapinq_queues q
 CROSS JOIN LATERAL (SELECT lapinq_tokens(q.rate, q.tokens, q.tokens_at) AS tokens) AS now
 WHERE q.name = %(queue)s::text
