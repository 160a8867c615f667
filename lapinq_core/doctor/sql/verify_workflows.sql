-- Where workflows differ from their tasks: the kind of difference, and the task or the workflow. Up to a hundred.
-- `outcome`: a task ended, is open again or is gone, and its workflow has not heard of it. `waits`: a blocked task waits for
-- another number of parents than have not ended. `blocked`: a task is blocked and waits for nothing, or the reverse. `counts`:
-- a workflow counts other numbers of tasks. `ended`: it has ended and tasks are left, or the reverse.
-- Locks nothing. Reads all tables of workflows; relies on the primary keys and lapinq_attempts_final.
WITH found AS MATERIALIZED (
    SELECT m.*, t.id IS NULL AS is_away, d.id IS NOT NULL AS is_blocked,
           CASE WHEN t.id IS NULL THEN coalesce(m.outcome, 'deleted') ELSE a.outcome END AS what_became
      FROM lapinq_workflow_tasks m
      LEFT JOIN LATERAL (SELECT x.id FROM lapinq_tasks x WHERE x.id = m.task_id OFFSET 0) AS t ON true
      LEFT JOIN LATERAL (SELECT x.outcome FROM lapinq_attempts x WHERE x.task_id = m.task_id AND x.final OFFSET 0) AS a ON true
      LEFT JOIN lapinq_delayed d ON d.id = m.task_id AND d.due_at = lapinq_never()
), waiting AS MATERIALIZED (
    SELECT c.task_id, c.waits_for, count(p.task_id) FILTER (WHERE p.outcome IS NULL) AS parents
      FROM found c
      JOIN lapinq_workflow_edges e ON e.child_id = c.task_id
      JOIN lapinq_workflow_tasks p ON p.task_id = e.parent_id
     WHERE c.is_blocked
     GROUP BY c.task_id, c.waits_for
), counted AS MATERIALIZED (
    SELECT workflow_id, count(*) FILTER (WHERE outcome IS NULL) AS pending,
           count(*) FILTER (WHERE outcome = 'completed') AS completed, count(*) FILTER (WHERE outcome = 'failed') AS failed,
           count(*) FILTER (WHERE outcome = 'cancelled') AS cancelled, count(*) FILTER (WHERE outcome = 'expired') AS expired,
           count(*) FILTER (WHERE outcome = 'deleted') AS deleted, count(*) FILTER (WHERE NOT is_gone) AS kept
      FROM lapinq_workflow_tasks
     GROUP BY workflow_id
)
(SELECT 'outcome', task_id::text
   FROM found
  WHERE outcome IS DISTINCT FROM what_became
     OR is_gone <> is_away
  LIMIT 100)
UNION ALL
(SELECT 'waits', task_id::text FROM waiting WHERE waits_for <> parents LIMIT 100)
UNION ALL
(SELECT 'blocked', task_id::text FROM found WHERE (waits_for > 0) <> is_blocked LIMIT 100)
UNION ALL
(SELECT 'counts', w.id::text
   FROM lapinq_workflows w
   LEFT JOIN counted c ON c.workflow_id = w.id
  WHERE (w.pending, w.completed, w.failed, w.cancelled, w.expired, w.deleted, w.kept)
        IS DISTINCT FROM (coalesce(c.pending, 0), coalesce(c.completed, 0), coalesce(c.failed, 0), coalesce(c.cancelled, 0),
                          coalesce(c.expired, 0), coalesce(c.deleted, 0), coalesce(c.kept, 0))
  LIMIT 100)
UNION ALL
(SELECT 'ended', id::text
   FROM lapinq_workflows
  WHERE (ended_at IS NULL) = (pending = 0 AND NOT is_open)
     OR (ended_at IS NULL) <> (status = 'running')
  LIMIT 100)
