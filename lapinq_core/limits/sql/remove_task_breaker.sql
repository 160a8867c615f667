-- Takes the circuit breaker from a task name, with what it counted. Maintenance lets its parked tasks go. Returns no row if it
-- has none.
-- Locks the rows it deletes; the caller holds the lock of the breaker's row. Relies on the primary keys.
WITH starts AS (
    DELETE FROM lapinq_task_breaker_starts WHERE task_name = %(task)s::text
), counts AS (
    DELETE FROM lapinq_task_breaker_counts WHERE task_name = %(task)s::text
)
DELETE FROM lapinq_task_breakers
 WHERE task_name = %(task)s::text
RETURNING task_name
