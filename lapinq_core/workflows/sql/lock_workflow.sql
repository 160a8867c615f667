-- Locks a workflow, against whatever else changes its graph. Returns whether it was cancelled and whether it has ended; no row if it is
-- unknown. Relies on lapinq_workflows_pkey.
SELECT cancelled_at IS NOT NULL, ended_at IS NOT NULL
  FROM lapinq_workflows
 WHERE id = %(id)s::uuid
   FOR NO KEY UPDATE
