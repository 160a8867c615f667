-- The first ready task of each of these queues. Locks nothing. Relies on lapinq_ready_claim, one probe per queue.
SELECT q.queue_name, head.id::text
  FROM unnest(%(queues)s::text[]) AS q (queue_name)
 CROSS JOIN LATERAL (
       SELECT r.id
         FROM lapinq_ready r
        WHERE r.queue_name = q.queue_name
        ORDER BY r.queue_name, r.rank, r.seq
        LIMIT 1) AS head
 ORDER BY q.queue_name
