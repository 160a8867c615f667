-- The status of a task, with the attempt that runs it or ended it. No row for an unknown id.
-- Locks nothing. Relies on the primary keys, lapinq_attempts_final and the settings of `backward_scan.py`.
SELECT d.status,
       d.attempts,
       d.error,
       d.started_at,
       d.completed_at,
       coalesce(w.name, d.worker_id::text)
  FROM lapinq_task_details d
  LEFT JOIN lapinq_workers w ON w.id = d.worker_id
 WHERE d.id = %(id)s::uuid
