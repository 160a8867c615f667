-- The latest attempts of a task, at most `limit` that ended and the running one, latest first; the latest `traced` of
-- them with the traceback, the latest `logged` with the log.
-- Locks nothing. Relies on lapinq_attempts_earlier, lapinq_attempts_final and the primary keys.
WITH ended AS MATERIALIZED (
    SELECT e.*, row_number() OVER (ORDER BY e.finished_at DESC) AS place
      FROM (SELECT * FROM lapinq_attempts WHERE task_id = %(id)s::uuid AND NOT final
            UNION ALL
            SELECT * FROM lapinq_attempts WHERE task_id = %(id)s::uuid AND final) AS e
     ORDER BY e.finished_at DESC
     LIMIT %(limit)s::integer
), shown AS (
    SELECT 0 AS place, attempt, 'running' AS outcome, NULL AS error, NULL AS traceback, logs, logs IS NOT NULL AS has_logs,
           NULL::float8 AS run_seconds, claimed_at, NULL::timestamptz AS finished_at, worker_id,
           NULL::timestamptz AS requeued_at, NULL AS requeued_by,
           false AS has_profile
      FROM lapinq_running
     WHERE id = %(id)s::uuid
    UNION ALL
    SELECT place, attempt, outcome, error, CASE WHEN place <= %(traced)s::integer THEN traceback END,
           CASE WHEN place <= %(logged)s::integer THEN logs END, logs IS NOT NULL,
           run_seconds, claimed_at, finished_at, worker_id, requeued_at, requeued_by, profile IS NOT NULL
      FROM ended
)
SELECT s.attempt, s.outcome, s.error, s.traceback, s.logs, s.has_logs, s.run_seconds, s.claimed_at, s.finished_at,
       s.worker_id::text, w.name, s.requeued_at, s.requeued_by,
       s.has_profile
  FROM shown s
  LEFT JOIN lapinq_workers w ON w.id = s.worker_id
 ORDER BY s.place
