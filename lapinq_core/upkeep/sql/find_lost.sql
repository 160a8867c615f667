-- Running attempts that nobody looks after: their worker is dead or gone, or their deadline has passed, both by the clock
-- and by what the caller expects it to show. A deadline from before a jump of the clock is put off by as much.
-- Answers at most `limit`, with what decides what becomes of them: of one that is overdue its task's time limit, or how
-- long it was held, for the limit of its worker is not known here. Locks the rows it answers, skipping locked ones.
-- Reads lapinq_running whole, which is small.
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
