-- Whether a task of a queue with a policy may start, or one that has to be looked at; false if surely none may. A look without
-- the lock of the queue's row, before a claim under it. A queue whose first task with a key or limits has come may have no
-- row yet.
-- Locks nothing. Relies on lapinq_lanes_open, lapinq_lanes_opens_at, lapinq_ready_claim and the primary keys.
SELECT EXISTS (
       SELECT
         FROM (SELECT) AS one
         LEFT JOIN lapinq_queues q ON q.name = %(queue)s::text
        WHERE q.paused_at IS NULL
          AND (q.max_running IS NULL
               OR q.max_running > (SELECT count(*) FROM lapinq_running r WHERE r.queue_name = %(queue)s::text))
          AND (q.rate IS NULL
               OR lapinq_tokens(q.rate, q.tokens, q.tokens_at) >= 1
               OR EXISTS (SELECT FROM lapinq_lane_news WHERE queue_name = %(queue)s::text))
          AND (q.has_breaker IS NOT TRUE
               OR EXISTS (SELECT
                            FROM lapinq_breakers b
                           WHERE b.queue_name = %(queue)s::text
                             AND (b.state <> 'open'
                                  OR b.tries_at NOT BETWEEN lapinq_now()
                                                        AND lapinq_now() + b.pause_seconds * interval '1 second')
                             AND NOT EXISTS (SELECT
                                               FROM lapinq_running r
                                              WHERE r.id = b.probe_id
                                                AND r.seq = b.probe_seq
                                            OFFSET 0)))
          AND (EXISTS (SELECT FROM lapinq_lane_news WHERE queue_name = %(queue)s::text)
               OR EXISTS (SELECT FROM lapinq_lanes WHERE queue_name = %(queue)s::text AND is_open)
               OR EXISTS (SELECT
                            FROM lapinq_lanes
                           WHERE queue_name = %(queue)s::text
                             AND opens_at <= lapinq_now())
               OR EXISTS (SELECT
                            FROM lapinq_ready
                           WHERE queue_name = %(queue)s::text
                             AND (rank, seq) >= (%(mark_rank)s::bigint, %(mark_seq)s::bigint)
                             AND rank <= 1099511627776)))
