-- The latest attempts of a task, at most `limit` that ended, the running one and the chosen one, latest first. The log
-- comes only with the chosen one: the one claimed at `chosen`, or with NULL the running one, else the latest that a worker
-- claimed. The traceback comes with it and with the latest that ended.
-- Locks nothing. Relies on lapinq_attempts_earlier, lapinq_attempts_final and the primary keys.
WITH ended AS MATERIALIZED (
    SELECT e.*, row_number() OVER (ORDER BY e.finished_at DESC) AS place
      FROM (SELECT * FROM lapinq_attempts WHERE task_id = %(id)s::uuid AND NOT final
            UNION ALL
            SELECT * FROM lapinq_attempts WHERE task_id = %(id)s::uuid AND final) AS e
), chosen AS MATERIALIZED (
    SELECT coalesce(%(chosen)s::timestamptz,
                    (SELECT claimed_at FROM lapinq_running WHERE id = %(id)s::uuid),
                    (SELECT claimed_at FROM ended WHERE claimed_at IS NOT NULL ORDER BY place LIMIT 1)) AS claimed_at
), shown AS (
    SELECT 0 AS place, attempt, 'running' AS outcome, NULL AS error, NULL AS traceback, logs,
           NULL::float8 AS run_seconds, claimed_at, NULL::timestamptz AS finished_at, worker_id,
           NULL::timestamptz AS requeued_at, NULL AS requeued_by, false AS has_profile
      FROM lapinq_running
     WHERE id = %(id)s::uuid
    UNION ALL
    SELECT place, attempt,
           CASE WHEN outcome = 'released' AND starts_with(error, 'suspended: ') THEN 'suspended' ELSE outcome END,
           error, traceback, logs, run_seconds, claimed_at, finished_at, worker_id,
           requeued_at, requeued_by, profile IS NOT NULL
      FROM ended
     WHERE place <= %(limit)s::integer
        OR claimed_at = (SELECT claimed_at FROM chosen)
)
SELECT s.attempt, s.outcome, s.error, CASE WHEN s.claimed_at = c.claimed_at OR s.place = 1 THEN s.traceback END,
       CASE WHEN s.claimed_at = c.claimed_at THEN s.logs END, s.run_seconds, s.claimed_at, s.finished_at,
       s.worker_id::text, w.name, s.requeued_at, s.requeued_by, s.has_profile,
       s.claimed_at IS NOT DISTINCT FROM c.claimed_at AND c.claimed_at IS NOT NULL
  FROM shown s
 CROSS JOIN chosen c
  LEFT JOIN lapinq_workers w ON w.id = s.worker_id
 ORDER BY s.place
