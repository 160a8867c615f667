-- Tasks of one queue by status, exact, whether it is paused, since when its first ready task waits (of the first of all and
-- the first in a lane, the one that waits longer), and the names of the living workers that claim its tasks. No row for a
-- queue without tasks that was never paused or limited.
-- The cost grows with the unfolded deltas, the running tasks and the workers. Locks nothing.
-- Relies on lapinq_ready_claim and lapinq_tasks_pkey for the first ready task.
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
       (SELECT min(coalesce(head.since,
                            (SELECT greatest(t.created_at, t.scheduled_at) FROM lapinq_tasks t WHERE t.id = head.id)))
          FROM ((SELECT r.id, r.since
                   FROM lapinq_ready r
                  WHERE r.queue_name = %(queue)s::text
                  ORDER BY r.queue_name, r.rank, r.seq
                  LIMIT 1)
                UNION ALL
                (SELECT r.id, r.since
                   FROM lapinq_ready r
                  WHERE r.queue_name = %(queue)s::text
                    AND r.rank > 1099511627776
                  ORDER BY r.queue_name, r.rank, r.seq
                  LIMIT 1)) AS head),
       ARRAY(SELECT w.name
               FROM lapinq_workers w
              WHERE w.dead_at IS NULL
                AND w.beat_at >= lapinq_now() - w.lease_seconds * interval '1 second'
                AND NOT w.is_quiet
                AND (w.queues IS NULL OR %(queue)s::text = ANY (w.queues))
              ORDER BY w.name)
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
