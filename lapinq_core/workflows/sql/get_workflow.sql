-- A workflow. `running` are counted apart from the other tasks that have not ended. No row if it is unknown.
-- Locks nothing. Relies on the primary keys and lapinq_workflow_tasks_ref.
SELECT w.id::text, w.name, w.status, w.metadata::text, w.is_open, w.round, w.created_at, w.ended_at, w.cancelled_at IS NOT NULL,
       w.pending - r.tasks, r.tasks, w.completed, w.failed, w.cancelled, w.expired, w.deleted
  FROM lapinq_workflows w
 CROSS JOIN LATERAL (SELECT count(*)::integer AS tasks
                       FROM lapinq_running x
                       JOIN lapinq_workflow_tasks m ON m.task_id = x.id
                      WHERE w.ended_at IS NULL
                        AND m.workflow_id = w.id) AS r
 WHERE w.id = %(id)s::uuid
