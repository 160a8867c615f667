-- Notes that a queue has no lanes any more, so that without a policy its claims need no lock.
-- Locks nothing else: the caller holds the lock of the queue's row. Relies on the primary keys and lapinq_ready_lane.
UPDATE lapinq_queues q
   SET is_laned = false
 WHERE q.name = %(queue)s::text
   AND q.is_laned
   AND NOT EXISTS (SELECT FROM lapinq_lanes WHERE queue_name = %(queue)s::text)
   AND NOT EXISTS (SELECT FROM lapinq_lane_news WHERE queue_name = %(queue)s::text)
   AND (SELECT lane
          FROM lapinq_ready
         WHERE queue_name = %(queue)s::text
           AND lane > ''
         ORDER BY queue_name, lane, rank, seq
         LIMIT 1) IS NULL
