-- For each given queue with ready tasks: seconds since its first task in line was enqueued, became due or was
-- requeued. Includes paused queues, and tasks past their time to live that have not been expired yet.
-- Locks nothing. Relies on lapinq_ready_claim and lapinq_tasks_pkey, one lookup per queue.
SELECT q.queue_name,
       (SELECT date_part('epoch', lapinq_now() - coalesce(head.since, greatest(t.created_at, t.scheduled_at)))
          FROM lapinq_tasks t
         WHERE t.id = head.id)
  FROM unnest(%(queues)s::text[]) AS q (queue_name)
 CROSS JOIN LATERAL (
       SELECT r.id, r.since
         FROM lapinq_ready r
        WHERE r.queue_name = q.queue_name
        ORDER BY r.queue_name, r.rank, r.seq
        LIMIT 1) AS head
