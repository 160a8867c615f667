-- The first `most` task names whose circuit breaker has something to count, to do or to tell, or of which tasks are parked
-- although nothing holds them any more.
-- Locks nothing. Relies on the primary keys and lapinq_delayed_parked, of which it reads a row for each name.
WITH RECURSIVE parked (task_name) AS (
    (SELECT parked_for
       FROM lapinq_delayed
      WHERE parked_for IS NOT NULL
      ORDER BY parked_for
      LIMIT 1)
    UNION ALL
    SELECT next.parked_for
      FROM parked
     CROSS JOIN LATERAL (
           SELECT parked_for
             FROM lapinq_delayed
            WHERE parked_for > parked.task_name
            ORDER BY parked_for
            LIMIT 1) AS next
)
SELECT task_name FROM parked
 UNION
SELECT task_name
  FROM lapinq_task_breakers b
 WHERE state <> 'closed'
    OR told_state <> 'closed'
    OR EXISTS (SELECT
                 FROM lapinq_task_breaker_starts s
                WHERE s.task_name = b.task_name
                  AND s.seq >= b.first_seq
                  AND NOT EXISTS (SELECT
                                    FROM lapinq_running r
                                   WHERE r.id = s.task_id
                                     AND r.claimed_at = s.claimed_at))
 ORDER BY task_name
 LIMIT %(most)s::integer
