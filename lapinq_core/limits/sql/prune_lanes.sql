-- Forgets those of the given lanes and keys of a queue that nobody has used since find_idle.sql found them idle.
-- Locks the rows that it deletes; the caller holds the lock of the queue's row. Relies on the primary keys and lapinq_ready_lane.
WITH empty AS (
    DELETE FROM lapinq_lanes l
     WHERE l.queue_name = %(queue)s::text
       AND l.lane = ANY (%(lanes)s::text[])
       AND NOT l.is_open
       AND l.opens_at IS NULL
       AND l.changed_at < lapinq_now() - interval '1 hour'
       AND NOT EXISTS (SELECT
                         FROM lapinq_ready r
                        WHERE r.queue_name = l.queue_name
                          AND r.lane BETWEEN l.lane AND l.lane)
)
DELETE FROM lapinq_keys k
 WHERE k.queue_name = %(queue)s::text
   AND k.key = ANY (%(keys)s::text[])
   AND k.changed_at < lapinq_now() - interval '1 hour'
   AND NOT EXISTS (SELECT FROM lapinq_ready WHERE id = k.holder)
   AND NOT EXISTS (SELECT FROM lapinq_delayed WHERE id = k.holder)
   AND NOT EXISTS (SELECT FROM lapinq_running WHERE id = k.holder)
