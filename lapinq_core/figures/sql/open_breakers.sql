-- Queues whose circuit breaker is not closed, the one that opened first in front, at most `most`, with how many tasks are
-- pending. Locks nothing. Its cost grows with unfolded counts and breakers.
SELECT b.queue_name, b.state, b.opened_at, b.tries_at, b.failures, b.attempts, b.window_seconds,
       coalesce((SELECT sum(pending) FROM lapinq_counts c WHERE c.queue_name = b.queue_name), 0)::bigint
  FROM lapinq_breakers b
 WHERE b.state <> 'closed'
 ORDER BY b.opened_at, b.queue_name COLLATE "C"
 LIMIT %(most)s::integer
