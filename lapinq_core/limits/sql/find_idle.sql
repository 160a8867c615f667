-- Lanes of a queue in which nothing has waited for an hour, and keys that start afresh without loss: their bucket is full,
-- the task that started last has ended, and in fair order their turn is over or a day ago: where tasks come one by one,
-- virtual time stands still. Up to `limit` of each, as two arrays. Without the lock of the queue's row, which claims need:
-- it may have to look at each lane; prune_lanes.sql asks again.
-- Locks nothing. Relies on the primary keys and lapinq_ready_lane.
SELECT ARRAY(SELECT l.lane
               FROM lapinq_lanes l
              WHERE l.queue_name = %(queue)s::text
                AND NOT l.is_open
                AND l.opens_at IS NULL
                AND l.changed_at < lapinq_now() - interval '1 hour'
                AND NOT EXISTS (SELECT
                                  FROM lapinq_ready r
                                 WHERE r.queue_name = l.queue_name
                                   AND r.lane BETWEEN l.lane AND l.lane)
              LIMIT %(limit)s::integer),
       ARRAY(SELECT k.key
               FROM lapinq_keys k
               JOIN lapinq_queues q ON q.name = k.queue_name
              WHERE k.queue_name = %(queue)s::text
                AND k.changed_at < lapinq_now() - interval '1 hour'
                AND (q.start_order <> 'fair'
                     OR k.virtual_time <= q.virtual_time
                     OR k.changed_at < lapinq_now() - interval '1 day')
                AND (q.rate_per_key IS NULL
                     OR lapinq_tokens(q.rate_per_key, k.tokens, k.tokens_at) >= (q.rate_per_key ->> 'burst')::float8)
                AND NOT EXISTS (SELECT FROM lapinq_ready WHERE id = k.holder)
                AND NOT EXISTS (SELECT FROM lapinq_delayed WHERE id = k.holder)
                AND NOT EXISTS (SELECT FROM lapinq_running WHERE id = k.holder)
              LIMIT %(limit)s::integer)
