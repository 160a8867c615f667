-- The named queues whose first ready task, from the mark on, must run alone.
-- Locks nothing. Relies on lapinq_ready_claim, one probe per queue; compares rows as claim.sql does.
SELECT q.queue_name
  FROM unnest(%(queues)s::text[], %(ranks)s::bigint[], %(seqs)s::bigint[]) AS q (queue_name, mark_rank, mark_seq)
 CROSS JOIN LATERAL (
       SELECT r.isolation
         FROM lapinq_ready r
        WHERE r.queue_name = q.queue_name
          AND (r.rank, r.seq) >= (q.mark_rank, q.mark_seq)
        ORDER BY r.queue_name, r.rank, r.seq
        LIMIT 1) AS first
 WHERE first.isolation >= 2
