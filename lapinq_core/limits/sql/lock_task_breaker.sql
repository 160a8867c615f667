-- Locks the circuit breaker of a task name until the end of the transaction, so that one worker at a time judges it and admits
-- tasks. Those are statements of their own: only then do they see what the worker before committed.
-- Locks the row of the breaker. Relies on lapinq_circuit_breakers_pkey.
SELECT
  FROM lapinq_circuit_breakers
 WHERE kind = 'task'
   AND name = %(task)s::text
   FOR NO KEY UPDATE
