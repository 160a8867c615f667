-- Circuit breakers that are not closed: kind, name, seconds since they opened, failures, attempts, window, and how many tasks
-- are pending in the queue, or parked for the task name, up to 10,000. Those that opened first in front, at most twenty.
-- Locks nothing. Its cost grows with unfolded counts. Relies on lapinq_delayed_parked.
SELECT kind, name, date_part('epoch', lapinq_now() - opened_at), failures, attempts, window_seconds, pending
  FROM (SELECT 'queue' AS kind, queue_name AS name, opened_at, failures, attempts, window_seconds,
               coalesce((SELECT sum(pending) FROM lapinq_counts c WHERE c.queue_name = b.queue_name), 0)::bigint AS pending
          FROM lapinq_breakers b
         WHERE state <> 'closed'
         UNION ALL
        SELECT 'task', task_name, opened_at, failures, attempts, window_seconds,
               (SELECT count(*)
                  FROM (SELECT FROM lapinq_delayed WHERE parked_for = b.task_name LIMIT 10000) AS parked)
          FROM lapinq_task_breakers b
         WHERE state <> 'closed') AS shut
 ORDER BY opened_at, kind, name
 LIMIT 20
