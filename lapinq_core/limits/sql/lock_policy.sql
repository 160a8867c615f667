-- The policy of a queue, its row locked until the end of the transaction: claims that the policy governs wait. A queue
-- without a row gets one.
-- Locks that row. Relies on lapinq_queues_pkey.
INSERT INTO lapinq_queues AS q (name)
VALUES (%(queue)s::text)
    ON CONFLICT (name) DO UPDATE
   SET name = excluded.name
RETURNING json_build_object('max_running', q.max_running, 'max_running_per_key', q.max_running_per_key,
                            'rate', q.rate, 'rate_per_key', q.rate_per_key, 'order', q.start_order,
                            'weights', q.weights)::text
