-- Workflows as get_workflow shows them, the newest first. Filters that are NULL don't apply.
-- Locks nothing. Relies on lapinq_workflows_pkey, lapinq_workflows_name, lapinq_workflows_status and the primary keys of tasks.
WITH page AS MATERIALIZED (
    SELECT *
      FROM lapinq_workflows
     WHERE (%(name)s::text IS NULL OR name = %(name)s::text)
       AND (%(status)s::text IS NULL OR status = %(status)s::text)
       AND (%(before)s::uuid IS NULL OR id < %(before)s::uuid)
     ORDER BY id DESC
     LIMIT greatest(0, %(limit)s::integer)
), running AS MATERIALIZED (
    SELECT m.workflow_id, count(*)::integer AS tasks
      FROM lapinq_running x
      JOIN lapinq_workflow_tasks m ON m.task_id = x.id
     GROUP BY m.workflow_id
)
SELECT w.id::text, w.name, w.status, w.metadata::text, w.is_open, w.round, w.created_at, w.ended_at, w.cancelled_at IS NOT NULL,
       w.pending - coalesce(r.tasks, 0), coalesce(r.tasks, 0), w.completed, w.failed, w.cancelled, w.expired, w.deleted
  FROM page w
  LEFT JOIN running r ON r.workflow_id = w.id
 ORDER BY w.id DESC
