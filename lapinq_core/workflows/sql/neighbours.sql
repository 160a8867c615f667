-- The parents (`is_parent`) and children of a task, those that have not ended first, at most `limit` of each.
-- Locks nothing. Relies on the primary keys and lapinq_workflow_edges_child.
(SELECT true, p.task_id::text, p.ref, coalesce(p.outcome, CASE WHEN r.id IS NOT NULL THEN 'running'
                                                               WHEN p.waits_for > 0 THEN 'blocked'
                                                               ELSE 'pending' END)
   FROM lapinq_workflow_edges e
   JOIN lapinq_workflow_tasks p ON p.task_id = e.parent_id
   LEFT JOIN lapinq_running r ON r.id = p.task_id
  WHERE e.child_id = %(id)s::uuid
  ORDER BY p.outcome IS NOT NULL, p.task_id
  LIMIT greatest(0, %(limit)s::integer))
UNION ALL
(SELECT false, c.task_id::text, c.ref, coalesce(c.outcome, CASE WHEN r.id IS NOT NULL THEN 'running'
                                                                WHEN c.waits_for > 0 THEN 'blocked'
                                                                ELSE 'pending' END)
   FROM lapinq_workflow_edges e
   JOIN lapinq_workflow_tasks c ON c.task_id = e.child_id
   LEFT JOIN lapinq_running r ON r.id = c.task_id
  WHERE e.parent_id = %(id)s::uuid
  ORDER BY c.outcome IS NOT NULL, c.task_id
  LIMIT greatest(0, %(limit)s::integer))
