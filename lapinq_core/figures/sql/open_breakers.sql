-- Queues and task names whose circuit breaker is not closed, the one that opened first in front, at most `most`. Tasks that wait:
-- those of the queue that are pending, or up to 10,000 that are parked for the task name. With `queues` only these, and no
-- task names. Each with how many there are.
-- Locks nothing. Its cost grows with unfolded counts and breakers. Relies on lapinq_delayed_parked.
SELECT CASE kind WHEN 'queue' THEN name ELSE '' END, state, opened_at, tries_at, failures, attempts, window_seconds,
       CASE kind
       WHEN 'queue' THEN coalesce((SELECT sum(pending) FROM lapinq_counts c WHERE c.queue_name = b.name), 0)::bigint
       ELSE (SELECT count(*) FROM (SELECT FROM lapinq_delayed WHERE parked_for = b.name LIMIT 10000) AS parked)
       END,
       CASE kind WHEN 'task' THEN name END,
       count(*) OVER ()
  FROM lapinq_circuit_breakers b
 WHERE state <> 'closed'
   AND (%(queues)s::text[] IS NULL OR kind = 'queue' AND name = ANY (%(queues)s::text[]))
 ORDER BY opened_at, kind DESC, name COLLATE "C"
 LIMIT %(most)s::integer
