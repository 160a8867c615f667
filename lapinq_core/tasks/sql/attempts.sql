-- The attempts of a task as JSON text, the running one last: how each ended, what it logged, and when. No row for an
-- unknown task. At most `limit` ended ones, the latest: a task may be retried very often.
-- Locks nothing. Relies on the primary keys, lapinq_attempts_earlier and lapinq_attempts_final.
WITH known AS MATERIALIZED (
    SELECT id FROM lapinq_tasks WHERE id = %(id)s::uuid
), ended AS (
    SELECT *
      FROM (SELECT * FROM lapinq_attempts WHERE task_id = %(id)s::uuid AND NOT final
            UNION ALL
            SELECT * FROM lapinq_attempts WHERE task_id = %(id)s::uuid AND final) AS attempts
     ORDER BY finished_at DESC
     LIMIT %(limit)s::integer
), shown AS (
    SELECT attempt,
           CASE WHEN outcome = 'released' AND starts_with(error, 'suspended: ') THEN 'suspended' ELSE outcome END AS outcome,
           result, error, traceback, logs, progress, progress_message, run_seconds,
           claimed_at AS started_at, finished_at, worker_id, final, requeued_at, requeued_by,
           profile IS NOT NULL AS has_profile, left_out
      FROM ended
    UNION ALL
    SELECT attempt, 'running', NULL, NULL, NULL, logs, progress, progress_message, NULL, claimed_at, NULL, worker_id,
           false, NULL, NULL, false, NULL
      FROM lapinq_running
     WHERE id = %(id)s::uuid
)
SELECT (SELECT coalesce(json_agg(s ORDER BY s.finished_at NULLS LAST), '[]') FROM shown s)::text
  FROM known
