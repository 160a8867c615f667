-- Asks the workers to stop what runs of a workflow, as request_cancel.sql does with one task. Returns how many it asked
-- that nobody had asked before.
-- Locks running rows, ascending. Relies on lapinq_workflow_tasks_ref and lapinq_running_pkey.
WITH locked AS MATERIALIZED (
    SELECT id
      FROM lapinq_running
     WHERE id = ANY (ARRAY(SELECT task_id
                             FROM lapinq_workflow_tasks
                            WHERE workflow_id = %(id)s::uuid
                              AND outcome IS NULL))
       AND cancel_requested_at IS NULL
     ORDER BY id
       FOR UPDATE
), asked AS (
    UPDATE lapinq_running r
       SET cancel_requested_at = lapinq_now()
      FROM locked l
     WHERE r.id = l.id
    RETURNING pg_notify('lapinq_cancel', r.id || ' ' || r.token)
)
SELECT count(*) FROM asked
