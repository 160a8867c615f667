-- name: edges
-- The edges of a workflow as pairs of parent and child, at most `limit`. Locks nothing. Relies on lapinq_workflow_tasks_ref and
-- lapinq_workflow_edges_pkey.
SELECT e.parent_id::text, e.child_id::text
  FROM lapinq_workflow_tasks m
  JOIN lapinq_workflow_edges e ON e.parent_id = m.task_id
 WHERE m.workflow_id = %(id)s::uuid
 ORDER BY e.parent_id, e.child_id
 LIMIT greatest(0, %(limit)s::integer)

-- name: edges_into
-- The refs of the parents and children of all edges that lead to these tasks. Locks nothing. Relies on
-- lapinq_workflow_edges_child and lapinq_workflow_tasks_pkey.
SELECT p.ref, c.ref
  FROM lapinq_workflow_edges e
  JOIN lapinq_workflow_tasks p ON p.task_id = e.parent_id
  JOIN lapinq_workflow_tasks c ON c.task_id = e.child_id
 WHERE e.child_id = ANY (%(ids)s::uuid[])
 ORDER BY e.child_id, e.parent_id

-- name: end_workflow
-- Ends a workflow of which no task is left, or opens it again. The caller has locked it. Locks nothing else.
-- Relies on lapinq_workflow_tasks_ref and the primary keys.
SELECT lapinq_end_workflows_1(ARRAY[%(id)s::uuid])

-- name: find_refs
-- The ids of a workflow's tasks with these refs. Locks nothing. Relies on lapinq_workflow_tasks_ref.
SELECT ref, task_id::text
  FROM lapinq_workflow_tasks
 WHERE workflow_id = %(workflow_id)s::uuid
   AND ref = ANY (%(refs)s::text[])

-- name: holder_of_unique_key
-- The ref of a task in a workflow, and which task has its unique key. Locks nothing. Relies on the primary keys.
SELECT m.ref, k.task_id::text
  FROM lapinq_workflow_tasks m
  JOIN lapinq_tasks t ON t.id = m.task_id
  JOIN lapinq_unique_keys k ON k.queue_name = t.queue_name
                           AND k.key = t.unique_key
 WHERE m.task_id = %(id)s::uuid

-- name: place_of
-- What workflow a task belongs to, and as what. No row for a task of none.
-- Locks nothing. Relies on the primary keys.
SELECT m.workflow_id::text, w.name, m.ref, w.round, m.after_failure, m.waits_for,
       (SELECT p.ref FROM lapinq_workflow_tasks p WHERE p.task_id = m.cause)
  FROM lapinq_workflow_tasks m
  JOIN lapinq_workflows w ON w.id = m.workflow_id
 WHERE m.task_id = %(id)s::uuid

-- name: queues_of
-- The queue of each of these tasks. Locks nothing. Relies on lapinq_tasks_pkey.
SELECT id::text, queue_name
  FROM lapinq_tasks
 WHERE id = ANY (%(ids)s::uuid[])

-- name: queues_of_workflow
-- The queues of a workflow's tasks that still exist. No row if it is unknown. Locks nothing.
-- Relies on the primary keys and lapinq_workflow_tasks_ref.
SELECT ARRAY(SELECT DISTINCT t.queue_name
               FROM lapinq_workflow_tasks m
               JOIN lapinq_tasks t ON t.id = m.task_id
              WHERE m.workflow_id = w.id)
  FROM lapinq_workflows w
 WHERE w.id = %(id)s::uuid

-- name: workflows_of
-- The workflow of each of these tasks that belongs to one. Locks nothing. Relies on lapinq_workflow_tasks_pkey.
SELECT task_id::text, workflow_id::text
  FROM lapinq_workflow_tasks
 WHERE task_id = ANY (%(ids)s::uuid[])
