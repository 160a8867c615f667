-- Closes a workflow that the caller has locked: it ends as soon as no task is left. Locks nothing that it hasn't locked.
-- Relies on lapinq_workflows_pkey.
WITH closed AS (
    UPDATE lapinq_workflows
       SET is_open = false
     WHERE id = %(id)s::uuid
    RETURNING id
)
SELECT FROM closed
