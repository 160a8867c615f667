-- Circuit breakers of queues and of task names, at most `most`, those that are not closed first: kind, name and state.
-- Locks nothing. Reads all breakers, which are few.
SELECT kind, name, state
  FROM (SELECT 'queue' AS kind, queue_name AS name, state FROM lapinq_breakers
        UNION ALL
        SELECT 'task', task_name, state FROM lapinq_task_breakers) AS both_kinds
 ORDER BY state = 'closed', kind, name
 LIMIT %(most)s::integer
