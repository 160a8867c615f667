-- Forgets lanes of a queue in which nothing has waited for an hour, and keys that start afresh without loss: their bucket is
-- full, the task that started last has ended, and in fair order their turn is over or a day ago: where tasks come one by
-- one, virtual time stands still. Up to `limit` of each. Returns how many.
-- Locks the rows that it deletes; the caller holds the lock of the queue's row. Relies on the primary keys and lapinq_ready_lane.
WITH empty AS (
    DELETE FROM lapinq_lanes
     WHERE ctid = ANY (ARRAY(SELECT l.ctid
                               FROM lapinq_lanes l
                              WHERE l.queue_name = %(queue)s::text
                                AND NOT l.is_open
                                AND l.opens_at IS NULL
                                AND l.changed_at < lapinq_now() - interval '1 hour'
                                AND NOT EXISTS (SELECT
                                                  FROM lapinq_ready r
                                                 WHERE r.queue_name = l.queue_name
                                                   AND r.lane BETWEEN l.lane AND l.lane)
                              LIMIT %(limit)s::integer))
    RETURNING 1
), idle AS (
    DELETE FROM lapinq_keys
     WHERE ctid = ANY (ARRAY(SELECT k.ctid
                               FROM lapinq_keys k
                               JOIN lapinq_queues q ON q.name = k.queue_name
                              WHERE k.queue_name = %(queue)s::text
                                AND k.changed_at < lapinq_now() - interval '1 hour'
                                AND (q.start_order <> 'fair'
                                     OR k.virtual_time <= q.virtual_time
                                     OR k.changed_at < lapinq_now() - interval '1 day')
                                AND (q.rate_per_key IS NULL
                                     OR lapinq_tokens(q.rate_per_key, k.tokens, k.tokens_at)
                                        >= (q.rate_per_key ->> 'burst')::float8)
                                AND NOT EXISTS (SELECT FROM lapinq_ready WHERE id = k.holder)
                                AND NOT EXISTS (SELECT FROM lapinq_delayed WHERE id = k.holder)
                                AND NOT EXISTS (SELECT FROM lapinq_running WHERE id = k.holder)
                              LIMIT %(limit)s::integer))
    RETURNING 1
)
SELECT (SELECT count(*) FROM empty) + (SELECT count(*) FROM idle)
