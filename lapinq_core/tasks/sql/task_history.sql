-- A task with its attempts in one JSON object: the latest 200 that ended, in the order they ended, and the running one.
-- No row for an unknown id.
-- Locks nothing. Relies on the primary keys, lapinq_attempts_earlier and lapinq_attempts_final.
WITH ended AS MATERIALIZED (
    SELECT *
      FROM (SELECT * FROM lapinq_attempts WHERE task_id = %(id)s::uuid AND NOT final
            UNION ALL
            SELECT * FROM lapinq_attempts WHERE task_id = %(id)s::uuid AND final) AS attempts
     ORDER BY finished_at DESC
     LIMIT 200
), shown AS (
    SELECT CASE WHEN outcome = 'released' AND starts_with(error, 'suspended: ') THEN 'suspended' ELSE outcome END AS outcome,
           error, traceback, claimed_at AS started_at, worker_id, finished_at
      FROM ended
    UNION ALL
    SELECT 'running', NULL, NULL, claimed_at, worker_id, NULL
      FROM lapinq_running
     WHERE id = %(id)s::uuid
)
SELECT row_to_json(o)::text
  FROM (SELECT d.task_name,
               d.module_path,
               d.queue_name,
               d.priority,
               d.args,
               d.kwargs,
               d.metadata,
               d.status,
               d.result,
               d.created_at,
               t.scheduled_at,
               d.completed_at,
               (SELECT coalesce(json_agg(s ORDER BY s.finished_at NULLS LAST), '[]') FROM shown s) AS attempts
          FROM lapinq_task_details d
          JOIN lapinq_tasks t ON t.id = d.id
         WHERE d.id = %(id)s::uuid) AS o
