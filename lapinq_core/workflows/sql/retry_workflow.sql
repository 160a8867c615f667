-- Opens a new round of a workflow that the caller has locked: see the function. Returns how many tasks are pending again, the
-- queues in which some are ready, and a task whose unique key another one holds and one that runs and has to come after these (NULL: none).
-- Locks final attempts.
SELECT tasks, queues, refused::text, busy::text
  FROM lapinq_retry_workflow_1(%(id)s::uuid, %(by)s::text)
