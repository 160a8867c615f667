-- Paused queues with pending tasks: name, seconds since the pause, by whom, why, how many tasks are pending. The longest
-- paused first, at most twenty.
-- Locks nothing. Its cost grows with unfolded counts.
SELECT q.name,
       date_part('epoch', lapinq_now() - q.paused_at),
       q.paused_by,
       q.pause_reason,
       sum(c.pending)::bigint
  FROM lapinq_queues q
  JOIN lapinq_counts c ON c.queue_name = q.name
 WHERE q.paused_at IS NOT NULL
 GROUP BY q.name
HAVING sum(c.pending) > 0
 ORDER BY q.paused_at, q.name
 LIMIT 20
