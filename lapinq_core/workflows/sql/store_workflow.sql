-- Stores a workflow or more of its tasks, all or none: see the function. Returns the queues with ready tasks, and the seconds
-- until the first of the delayed ones is due (NULL: none). Locks nothing that the caller hasn't locked.
SELECT queues, due_in
  FROM lapinq_store_workflow_1(%(workflow)s::json, %(tasks)s::json, %(graph)s::json)
