-- Sets how many tasks of a queue may run at the same time, NULL for no limit. Returns no row if nothing changes.
-- Locks the queue's row, as claims of a limited queue do, so it waits for those under way. Relies on lapinq_queues_pkey.
INSERT INTO lapinq_queues AS q (name, max_running)
VALUES (%(queue)s::text, %(max_running)s::integer)
    ON CONFLICT (name) DO UPDATE
   SET max_running = excluded.max_running
 WHERE q.max_running IS DISTINCT FROM excluded.max_running
RETURNING name
