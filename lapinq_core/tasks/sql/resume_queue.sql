-- Lets the tasks of a paused queue start again. No row comes back when it is not paused.
-- Locks the row of the queue. Relies on lapinq_queues_pkey.
UPDATE lapinq_queues
   SET paused_at = NULL,
       paused_by = NULL,
       pause_reason = NULL
 WHERE name = %(queue)s::text
   AND paused_at IS NOT NULL
RETURNING name
