-- Where circuit breakers differ from the tasks they watch: the kind of difference, and what it is about.
-- `unwatched`: attempts are noted for a queue or a task name that has no breaker. `twice`: an attempt is noted twice.
-- `late`: it ended more than a minute ago, and nobody has counted it. `probe`: the probe of a breaker is not among the noted
-- attempts. `queue`: a queue does not know whether it has one. `parked`: tasks are parked for a name that has none.
-- Locks nothing. Reads all breakers and noted attempts. Relies on the primary keys, lapinq_attempts_final,
-- lapinq_attempts_earlier and lapinq_delayed_parked.
WITH RECURSIVE parked (name) AS (
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
            WHERE parked_for > parked.name
            ORDER BY parked_for
            LIMIT 1) AS next
)
SELECT DISTINCT 'unwatched', kind || ' ' || name
  FROM lapinq_circuit_breaker_starts
 WHERE (kind, name) NOT IN (SELECT kind, name FROM lapinq_circuit_breakers)
 UNION ALL
SELECT 'twice', task_id::text
  FROM lapinq_circuit_breaker_starts
 GROUP BY kind, task_id, claimed_at
HAVING count(*) > 1
 UNION ALL
SELECT 'late', s.task_id::text
  FROM lapinq_circuit_breaker_starts s
 WHERE EXISTS (SELECT
                 FROM lapinq_attempts a
                WHERE a.task_id = s.task_id
                  AND a.claimed_at = s.claimed_at
                  AND a.finished_at < lapinq_now() - interval '1 minute')
 UNION ALL
SELECT 'probe', kind || ' ' || name
  FROM lapinq_circuit_breakers
 WHERE probe_seq IS NOT NULL
   AND (kind, name, probe_seq) NOT IN (SELECT kind, name, seq FROM lapinq_circuit_breaker_starts)
 UNION ALL
SELECT 'queue', name
  FROM (SELECT name FROM lapinq_circuit_breakers WHERE kind = 'queue') AS b
  FULL JOIN (SELECT name FROM lapinq_queues WHERE has_breaker) AS q USING (name)
 WHERE q.name IS NULL
    OR b.name IS NULL
 UNION ALL
SELECT 'parked', name
  FROM parked
 WHERE ('task', name) NOT IN (SELECT kind, name FROM lapinq_circuit_breakers)
