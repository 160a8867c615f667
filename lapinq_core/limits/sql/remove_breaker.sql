-- Takes the circuit breaker from a queue or task name, with what it counted. Maintenance lets parked tasks go. Returns no row
-- if there is none.
-- Locks the rows it deletes; the caller holds the breaker's lock (breakers.LOCKS). Relies on the primary keys.
WITH starts AS (
    DELETE FROM lapinq_circuit_breaker_starts WHERE kind = %(kind)s::text AND name = %(name)s::text
), counts AS (
    DELETE FROM lapinq_circuit_breaker_counts WHERE kind = %(kind)s::text AND name = %(name)s::text
)
DELETE FROM lapinq_circuit_breakers
 WHERE kind = %(kind)s::text
   AND name = %(name)s::text
RETURNING name
