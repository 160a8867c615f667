-- Tasks of one queue by status, exact, and whether it is paused or limited. No row for a queue without tasks
-- that was never either. The cost grows with the unfolded deltas and the running tasks. Locks nothing.
SELECT counted.name,
       counted.pending,
       counted.running,
       counted.completed,
       counted.failed,
       counted.cancelled,
       counted.expired,
       q.paused_at,
       q.paused_by,
       q.pause_reason,
       q.max_running
  FROM (SELECT %(queue)s::text AS name,
               coalesce(sum(pending), 0)::bigint AS pending,
               coalesce(sum(running), 0)::bigint AS running,
               coalesce(sum(completed), 0)::bigint AS completed,
               coalesce(sum(failed), 0)::bigint AS failed,
               coalesce(sum(cancelled), 0)::bigint AS cancelled,
               coalesce(sum(expired), 0)::bigint AS expired,
               coalesce((sum(pending), sum(running), sum(completed), sum(failed), sum(cancelled), sum(expired))
                        <> (0, 0, 0, 0, 0, 0), false) AS has_tasks
          FROM (SELECT pending, 0 AS running, completed, failed, cancelled, expired
                  FROM lapinq_counts
                 WHERE queue_name = %(queue)s::text
                UNION ALL
                SELECT 0, count(*), 0, 0, 0, 0
                  FROM lapinq_running
                 WHERE queue_name = %(queue)s::text) AS deltas) AS counted
  LEFT JOIN lapinq_queues q ON q.name = counted.name
 WHERE counted.has_tasks
    OR q.name IS NOT NULL
