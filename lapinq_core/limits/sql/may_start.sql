-- For claim.sql, without the lock: "governed" if a task of a queue with a policy may start, or that has to be looked at; NULL
-- if surely none may.
-- Relies on lapinq_queues_pkey, lapinq_lane_news_pkey, lapinq_lanes_open, lapinq_lanes_opens_at and lapinq_ready_claim.
(SELECT '"governed"'
              FROM lapinq_queues q
             WHERE q.name = %(queue)s::text
               AND q.is_governed
               AND q.paused_at IS NULL
               AND (q.max_running IS NULL
                    OR q.max_running > (SELECT count(*) FROM lapinq_running r WHERE r.queue_name = q.name))
               AND (q.rate IS NULL
                    OR lapinq_tokens(q.rate, q.tokens, q.tokens_at) >= 1
                    OR EXISTS (SELECT FROM lapinq_lane_news WHERE queue_name = %(queue)s::text))
               AND (NOT q.is_laned
                    OR EXISTS (SELECT FROM lapinq_lane_news WHERE queue_name = %(queue)s::text)
                    OR EXISTS (SELECT FROM lapinq_lanes WHERE queue_name = %(queue)s::text AND is_open)
                    OR EXISTS (SELECT
                                 FROM lapinq_lanes
                                WHERE queue_name = %(queue)s::text
                                  AND opens_at <= lapinq_now())
                    OR EXISTS (SELECT
                                 FROM lapinq_ready
                                WHERE queue_name = %(queue)s::text
                                  AND rank <= 1099511627776)))
