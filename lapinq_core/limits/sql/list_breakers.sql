-- Circuit breakers of queues and of task names, by kind and name: all, or that of the task name `task`. Of parked tasks it
-- counts up to `most` for each name.
-- Locks nothing. Reads all breakers, which are few. Relies on lapinq_delayed_parked.
SELECT 'queue', b.queue_name, 0, q.policy_source, failures_in_row, failure_share, window_seconds, least_attempts,
       retry_after_seconds, state, since, failures, attempts, opened_at, tries_at, failed_task_id::text, probe_id::text
  FROM lapinq_breakers b
  LEFT JOIN lapinq_queues q ON q.name = b.queue_name
 WHERE %(task)s::text IS NULL
 UNION ALL
SELECT 'task', b.task_name,
       (SELECT count(*)
          FROM (SELECT FROM lapinq_delayed WHERE parked_for = b.task_name LIMIT %(most)s::integer) AS parked),
       source, failures_in_row, failure_share, window_seconds, least_attempts, retry_after_seconds, state, since, failures, attempts,
       opened_at, tries_at, failed_task_id::text, probe_id::text
  FROM lapinq_task_breakers b
 WHERE %(task)s::text IS NULL
    OR b.task_name = %(task)s::text
 ORDER BY 1, 2
