-- Cancels up to `most` pending tasks of a workflow: see the function. Returns how many; NULL if the workflow is unknown.
-- Locks the workflow, then rows in ready and delayed, skipping locked ones.
SELECT lapinq_cancel_workflow_1(%(id)s::uuid, %(most)s::integer)
