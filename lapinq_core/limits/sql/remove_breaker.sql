-- Takes the circuit breaker from a queue, with what it counted. Returns no row if it has none.
-- Locks the rows it deletes; the caller holds the lock of the queue's row. Relies on the primary keys.
WITH queue AS (
    UPDATE lapinq_queues
       SET has_breaker = false
     WHERE name = %(queue)s::text
       AND has_breaker
), starts AS (
    DELETE FROM lapinq_breaker_starts WHERE queue_name = %(queue)s::text
), counts AS (
    DELETE FROM lapinq_breaker_counts WHERE queue_name = %(queue)s::text
)
DELETE FROM lapinq_breakers
 WHERE queue_name = %(queue)s::text
RETURNING queue_name
