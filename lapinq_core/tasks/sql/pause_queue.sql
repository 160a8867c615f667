-- Pauses a queue: nothing is claimed from it until it is resumed. Returns no row if it is already paused.
-- Locks the queue's row, also then, until the end of the transaction. Relies on lapinq_queues_pkey.
INSERT INTO lapinq_queues AS q (name, paused_at, paused_by, pause_reason)
VALUES (%(queue)s::text, lapinq_now(), %(paused_by)s::text, %(reason)s::text)
    ON CONFLICT (name) DO UPDATE
   SET paused_at = excluded.paused_at,
       paused_by = excluded.paused_by,
       pause_reason = excluded.pause_reason
 WHERE q.paused_at IS NULL
RETURNING name
