-- How many other task names have a circuit breaker: each heartbeat tells all workers their names. Locks nothing. Reads all of
-- lapinq_task_breakers, which is small.
SELECT count(*) FROM lapinq_task_breakers WHERE task_name <> %(task)s::text
