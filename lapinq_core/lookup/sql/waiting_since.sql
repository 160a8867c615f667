-- For each given queue with ready tasks: when the first one in line was enqueued, became due or was requeued, and how many
-- seconds ago. Of the first of all and the first in a lane it is the one that waits longer. Includes paused queues, and
-- tasks past their time to live that have not been expired yet.
-- Locks nothing. Relies on lapinq_ready_claim and lapinq_tasks_pkey, two lookups per queue.
SELECT q.queue_name, first.since, date_part('epoch', lapinq_now() - first.since)
  FROM unnest(%(queues)s::text[]) AS q (queue_name)
 CROSS JOIN LATERAL (
       SELECT min(coalesce(head.since,
                           (SELECT greatest(t.created_at, t.scheduled_at) FROM lapinq_tasks t WHERE t.id = head.id))) AS since
         FROM ((SELECT r.id, r.since
                  FROM lapinq_ready r
                 WHERE r.queue_name = q.queue_name
                 ORDER BY r.queue_name, r.rank, r.seq
                 LIMIT 1)
               UNION ALL
               (SELECT r.id, r.since
                  FROM lapinq_ready r
                 WHERE r.queue_name = q.queue_name
                   AND r.rank > 1099511627776
                 ORDER BY r.queue_name, r.rank, r.seq
                 LIMIT 1)) AS head) AS first
 WHERE first.since IS NOT NULL
