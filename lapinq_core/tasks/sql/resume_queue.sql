-- Lets the tasks of a paused queue start again. Returns no row if it is not paused.
-- Locks the queue's row. Relies on lapinq_queues_pkey.
UPDATE lapinq_queues
   SET paused_at = NULL,
       paused_by = NULL,
       pause_reason = NULL
 WHERE name = %(queue)s::text
   AND paused_at IS NOT NULL
RETURNING name
