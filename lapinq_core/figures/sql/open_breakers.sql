-- Queues and task names whose circuit breaker is not closed, the one that opened first in front, at most `most`. Tasks that wait:
-- those of the queue that are pending, or up to 10,000 that are parked for the task name.
-- Locks nothing. Its cost grows with unfolded counts and breakers. Relies on lapinq_delayed_parked.
SELECT queue_name, state, opened_at, tries_at, failures, attempts, window_seconds, waiting, task_name
  FROM (SELECT b.queue_name, NULL AS task_name, b.state, b.opened_at, b.tries_at, b.failures, b.attempts, b.window_seconds,
               coalesce((SELECT sum(pending) FROM lapinq_counts c WHERE c.queue_name = b.queue_name), 0)::bigint AS waiting
          FROM lapinq_breakers b
         WHERE b.state <> 'closed'
         UNION ALL
        SELECT '', b.task_name, b.state, b.opened_at, b.tries_at, b.failures, b.attempts, b.window_seconds,
               (SELECT count(*)
                  FROM (SELECT FROM lapinq_delayed WHERE parked_for = b.task_name LIMIT 10000) AS parked)
          FROM lapinq_task_breakers b
         WHERE b.state <> 'closed') AS shut
 ORDER BY opened_at, queue_name COLLATE "C", task_name COLLATE "C"
 LIMIT %(most)s::integer
