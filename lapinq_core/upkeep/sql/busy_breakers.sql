-- The first `most` queues whose circuit breaker has something to count, to do or to tell.
-- Locks nothing. Relies on the primary keys.
SELECT queue_name
  FROM lapinq_breakers b
 WHERE state <> 'closed'
    OR told_state <> 'closed'
    OR since > lapinq_now() - %(recent)s::float8 * interval '1 second'
    OR EXISTS (SELECT
                 FROM lapinq_breaker_starts s
                WHERE s.queue_name = b.queue_name
                  AND s.seq >= b.first_seq
                  AND NOT EXISTS (SELECT
                                    FROM lapinq_running r
                                   WHERE r.id = s.task_id
                                     AND r.claimed_at = s.claimed_at))
 ORDER BY queue_name
 LIMIT %(most)s::integer
