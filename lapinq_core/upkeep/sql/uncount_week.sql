-- Subtracts the tasks of a week from the counts: so many of each queue and final status.
-- Locks nothing.
INSERT INTO lapinq_counts (queue_name, completed, failed, cancelled, expired)
SELECT queue_name,
       -coalesce(sum(tasks) FILTER (WHERE status = 'completed'), 0),
       -coalesce(sum(tasks) FILTER (WHERE status = 'failed'), 0),
       -coalesce(sum(tasks) FILTER (WHERE status = 'cancelled'), 0),
       -coalesce(sum(tasks) FILTER (WHERE status = 'expired'), 0)
  FROM unnest(%(queues)s::text[], %(statuses)s::text[], %(tasks)s::bigint[]) AS counted (queue_name, status, tasks)
 GROUP BY queue_name
