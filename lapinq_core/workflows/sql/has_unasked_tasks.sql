-- Whether a task of the workflow has not ended and nobody has asked it to stop. Locks nothing.
-- Relies on lapinq_workflow_tasks_ref and lapinq_running_pkey.
SELECT EXISTS (
       SELECT
         FROM lapinq_workflow_tasks m
        WHERE m.workflow_id = %(id)s::uuid
          AND m.outcome IS NULL
          AND NOT EXISTS (SELECT
                            FROM lapinq_running r
                           WHERE r.id = m.task_id
                             AND r.cancel_requested_at IS NOT NULL))
