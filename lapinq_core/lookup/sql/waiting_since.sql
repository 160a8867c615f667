-- For each queue named that has something ready: since when its first task in line has been waiting, which is when it was
-- enqueued or became due. Paused queues too. Locks nothing. Relies on lapinq_ready_claim and lapinq_tasks_pkey, one look a
-- queue each.
SELECT q.queue_name,
       (SELECT greatest(t.created_at, t.scheduled_at) FROM lapinq_tasks t WHERE t.id = head.id)
  FROM unnest(%(queues)s::text[]) AS q (queue_name)
 CROSS JOIN LATERAL (
       SELECT r.id
         FROM lapinq_ready r
        WHERE r.queue_name = q.queue_name
        ORDER BY r.queue_name, r.rank, r.seq
        LIMIT 1) AS head
