-- The tasks of a workflow in the order in which they were stored, at most `limit` after `after` (NULL: from the first).
-- Locks nothing. Relies on lapinq_workflow_tasks_ref and the primary keys.
WITH page AS MATERIALIZED (
    SELECT *
      FROM lapinq_workflow_tasks
     WHERE workflow_id = %(id)s::uuid
       AND (%(after)s::uuid IS NULL OR task_id > %(after)s::uuid)
     ORDER BY task_id
     LIMIT greatest(0, %(limit)s::integer)
)
SELECT p.task_id::text, p.ref,
       coalesce(p.outcome, CASE WHEN r.id IS NOT NULL THEN 'running' WHEN p.waits_for > 0 THEN 'blocked' ELSE 'pending' END),
       t.task_name, t.queue_name, p.after_failure, (SELECT c.ref FROM lapinq_workflow_tasks c WHERE c.task_id = p.cause)
  FROM page p
  LEFT JOIN LATERAL (SELECT x.task_name, x.queue_name FROM lapinq_tasks x WHERE x.id = p.task_id OFFSET 0) AS t ON true
  LEFT JOIN lapinq_running r ON r.id = p.task_id AND p.outcome IS NULL
 ORDER BY p.task_id
