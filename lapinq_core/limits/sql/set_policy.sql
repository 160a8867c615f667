-- Gives a queue a policy. If it had none, claims wait for those under way, which may not know it; but not those of a queue
-- that is known to be governed: it has a circuit breaker, or a lane that nothing has changed for longer than a claim lasts.
-- With `are_stale` claims look again at all of its lanes, which the old policy opened or closed.
-- Locks nothing else: the caller holds the lock of the queue's row. Relies on lapinq_queues_pkey and lapinq_lanes_pkey.
WITH told AS (
    INSERT INTO lapinq_lane_news (queue_name, lanes)
    SELECT %(queue)s::text, array_agg(lane)
      FROM (SELECT lane, (row_number() OVER (ORDER BY lane) - 1) / 500 AS part
              FROM lapinq_lanes
             WHERE queue_name = %(queue)s::text
               AND %(are_stale)s::boolean) AS parts
     GROUP BY part
)
UPDATE lapinq_queues q
   SET max_running = %(max_running)s::integer,
       max_running_per_key = %(max_running_per_key)s::integer,
       rate = %(rate)s::jsonb,
       tokens = CASE WHEN %(rate)s::jsonb IS NOT NULL
                     THEN least((%(rate)s::jsonb ->> 'burst')::float8, lapinq_tokens(rate, tokens, tokens_at)) END,
       tokens_at = CASE WHEN num_nulls(%(rate)s::jsonb, rate) = 0 THEN lapinq_refilled_at(rate, tokens_at) END,
       rate_per_key = %(rate_per_key)s::jsonb,
       start_order = %(order)s::text,
       weights = %(weights)s::jsonb,
       governed_xid = CASE WHEN first.is_it THEN pg_current_xact_id()::text::bigint ELSE governed_xid END,
       governed_at = CASE WHEN first.is_it THEN lapinq_now() ELSE governed_at END,
       fence = CASE WHEN first.is_it THEN -1 ELSE fence END
  FROM (SELECT %(is_first)s::boolean
               AND NOT EXISTS (SELECT
                                 FROM lapinq_lanes
                                WHERE queue_name = %(queue)s::text
                                  AND changed_at < lapinq_now() - interval '30 seconds')
               AND NOT EXISTS (SELECT
                                 FROM lapinq_queues
                                WHERE name = %(queue)s::text
                                  AND has_breaker) AS is_it) AS first
 WHERE q.name = %(queue)s::text
