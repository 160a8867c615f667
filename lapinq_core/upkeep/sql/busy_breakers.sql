-- The first `most` queues or task names (`kind`) whose circuit breaker has something to count, to do or to tell, or of which
-- tasks are parked although nothing holds them any more.
-- Locks nothing. Relies on the primary keys and lapinq_delayed_parked, of which it reads a row for each name.
WITH RECURSIVE parked (name) AS (
    (SELECT parked_for
       FROM lapinq_delayed
      WHERE parked_for IS NOT NULL
        AND %(kind)s::text = 'task'
      ORDER BY parked_for
      LIMIT 1)
    UNION ALL
    SELECT next.parked_for
      FROM parked
     CROSS JOIN LATERAL (
           SELECT parked_for
             FROM lapinq_delayed
            WHERE parked_for > parked.name
            ORDER BY parked_for
            LIMIT 1) AS next
)
SELECT name FROM parked
 UNION
SELECT name
  FROM lapinq_circuit_breakers b
 WHERE kind = %(kind)s::text
   AND (state <> 'closed'
        OR told_state <> 'closed'
        OR since > lapinq_now() - %(recent)s::float8 * interval '1 second'
        OR EXISTS (SELECT
                     FROM lapinq_circuit_breaker_starts s
                    WHERE s.kind = b.kind
                      AND s.name = b.name
                      AND s.seq >= b.first_seq
                      AND NOT EXISTS (SELECT
                                        FROM lapinq_running r
                                       WHERE r.id = s.task_id
                                         AND r.claimed_at = s.claimed_at)))
 ORDER BY name
 LIMIT %(most)s::integer
