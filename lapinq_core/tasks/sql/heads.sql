-- For each named queue, from its mark on: the rank and seq of the first ready task, and whether claims need the queue's lock.
-- Leaves out queues without one, and paused ones.
-- Reads the newest version of a queue's row first, as lapinq_claim_governed_2 does.
-- Locks nothing. Relies on lapinq_ready_claim, one probe per queue; compares rows as claim.sql does.
SELECT q.queue_name, CASE WHEN head.rank > 1099511627776 THEN head.rank - 2199023255552 ELSE head.rank END, head.seq,
       newest.is_governed IS TRUE OR head.rank > 1099511627776
  FROM unnest(%(queues)s::text[], %(ranks)s::bigint[], %(seqs)s::bigint[]) AS q (queue_name, mark_rank, mark_seq)
 CROSS JOIN LATERAL (
       SELECT r.rank, r.seq
         FROM lapinq_ready r
        WHERE r.queue_name = q.queue_name
          AND (r.rank, r.seq) >= (q.mark_rank, q.mark_seq)
        ORDER BY r.queue_name, r.rank, r.seq
        LIMIT 1) AS head
  LEFT JOIN LATERAL (
       SELECT p.paused_at, p.is_governed
         FROM lapinq_queues p
        WHERE p.name BETWEEN q.queue_name AND q.queue_name
        ORDER BY p.name DESC
        LIMIT 1) AS newest ON true
 WHERE newest.paused_at IS NULL
