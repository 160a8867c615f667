-- All queues with ready tasks that are not paused, each with the rank and seq of its first task, and whether claims need its
-- lock: a loose index scan, one probe per queue.
-- Reads the newest version of a queue's row first, as lapinq_claim_governed_2 does.
-- Locks nothing. Relies on lapinq_ready_claim.
WITH RECURSIVE heads AS (
    (SELECT queue_name, rank, seq
       FROM lapinq_ready
      ORDER BY queue_name, rank, seq
      LIMIT 1)
    UNION ALL
    SELECT next.queue_name, next.rank, next.seq
      FROM heads
     CROSS JOIN LATERAL (
           SELECT r.queue_name, r.rank, r.seq
             FROM lapinq_ready r
            WHERE r.queue_name > heads.queue_name
            ORDER BY r.queue_name, r.rank, r.seq
            LIMIT 1) AS next
)
SELECT heads.queue_name, CASE WHEN rank > 1099511627776 THEN rank - 2199023255552 ELSE rank END, seq,
       q.is_governed IS TRUE OR rank > 1099511627776
  FROM heads
  LEFT JOIN LATERAL (
       SELECT p.paused_at, p.is_governed
         FROM lapinq_queues p
        WHERE p.name BETWEEN heads.queue_name AND heads.queue_name
        ORDER BY p.name DESC
        LIMIT 1) AS q ON true
 WHERE q.paused_at IS NULL
 LIMIT 10000
