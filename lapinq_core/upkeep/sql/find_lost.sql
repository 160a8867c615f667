-- Running attempts that nobody looks after: their worker is dead or gone, or their deadline has passed, both by the
-- clock and by what the caller expects it to show. A deadline set before a jump of the clock is extended by that jump.
-- Returns at most `limit`, with what decides their future; for an overdue one its task's time limit, or how long it was
-- held, because the worker's limit is not known here. Locks the rows it returns, skipping locked ones. Reads all of
-- lapinq_running, which is small.
SELECT r.id::text, r.token::text, r.attempt, t.max_retries, t.retry_delay, t.retry_backoff,
       coalesce(w.name, r.worker_id::text) AS worker,
       (w.id IS NOT NULL AND w.dead_at IS NULL) AS timed_out,
       coalesce(t.timeout_seconds, extract(epoch FROM lapinq_now() - r.claimed_at)::float8) AS limit_seconds,
       r.worker_id::text, r.isolation, r.queue_name, (r.cancel_requested_at IS NOT NULL) AS is_asked_to_stop
  FROM lapinq_running r
  JOIN lapinq_tasks t ON t.id = r.id
  LEFT JOIN lapinq_workers w ON w.id = r.worker_id
 WHERE w.id IS NULL
    OR w.dead_at IS NOT NULL
    OR r.deadline_at + CASE WHEN r.claimed_at <= w.jumped_at THEN w.jumped_seconds ELSE 0 END * interval '1 second'
       < least(lapinq_now(), to_timestamp(%(expected)s::float8))
 ORDER BY r.id
 LIMIT %(limit)s::integer
   FOR UPDATE OF r SKIP LOCKED
