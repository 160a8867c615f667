-- The status of a task, with the attempt that runs it or ended it. No row for an unknown id.
-- Locks nothing. Relies on the primary keys, lapinq_attempts_final and the settings of `backward_scan.py`.
SELECT d.status,
       d.attempts,
       d.error,
       d.started_at,
       d.completed_at,
       coalesce(w.name, d.worker_id::text),
       m.workflow_id::text,
       m.cause IS NOT NULL
  FROM lapinq_task_details d
  LEFT JOIN lapinq_workers w ON w.id = d.worker_id
  LEFT JOIN lapinq_workflow_tasks m ON m.task_id = d.id
 WHERE d.id = %(id)s::uuid
