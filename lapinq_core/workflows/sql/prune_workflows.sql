-- Deletes up to `limit` workflows that ended more than an hour ago and of which no task is left, or fewer that had 20,000
-- tasks together. Returns how many.
-- Locks them, skipping locked ones. Relies on lapinq_workflows_gone, lapinq_workflow_tasks_ref and the primary keys.
WITH idle AS MATERIALIZED (
    SELECT id, completed + failed + cancelled + expired + deleted AS tasks
      FROM lapinq_workflows
     WHERE kept = 0
       AND ended_at <= lapinq_now() - interval '1 hour'
     ORDER BY ended_at
     LIMIT greatest(0, %(limit)s::integer)
       FOR UPDATE SKIP LOCKED
), chosen AS MATERIALIZED (
    SELECT id
      FROM (SELECT id, sum(tasks) OVER (ORDER BY id) - tasks AS before FROM idle) AS i
     WHERE before < 20000
), tasks AS (
    DELETE FROM lapinq_workflow_tasks m
     USING chosen c
     WHERE m.workflow_id = c.id
    RETURNING m.task_id
), edges AS (
    DELETE FROM lapinq_workflow_edges e
     USING tasks t
     WHERE e.parent_id = t.task_id
), gone AS (
    DELETE FROM lapinq_workflows w
     USING chosen c
     WHERE w.id = c.id
    RETURNING w.id
)
SELECT count(*) FROM gone
