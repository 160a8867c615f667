-- Running attempts that nobody looks after: their worker is dead or gone, or their deadline has passed, both by the
-- clock and by what the caller expects it to show. A deadline set before a jump of the clock is extended by that jump.
-- Returns at most `limit`, with what decides their future; for an overdue one its task's time limit, or how long it was
-- held, because the worker's limit is not known here. Locks the rows it returns, skipping locked ones. Reads
-- lapinq_running from the position `since` on; relies on a TID range scan. Ordered by id itself, it could be read through
-- the primary key, which holds the dead rows before that position too.
WITH lost AS MATERIALIZED (
    SELECT r.id, r.token, r.attempt, coalesce(w.name, r.worker_id::text) AS worker, r.claimed_at, r.worker_id,
           (w.id IS NOT NULL AND w.dead_at IS NULL) AS timed_out, r.isolation, r.queue_name,
           (r.cancel_requested_at IS NOT NULL) AS is_asked_to_stop
      FROM lapinq_running r
      LEFT JOIN lapinq_workers w ON w.id = r.worker_id
     WHERE r.ctid >= %(since)s::tid
       AND (w.id IS NULL
            OR w.dead_at IS NOT NULL
            OR r.deadline_at
               + CASE WHEN r.claimed_at <= w.jumped_at THEN w.jumped_seconds ELSE 0 END * interval '1 second'
               < least(lapinq_now(), to_timestamp(%(expected)s::float8)))
     ORDER BY r.id::text
     LIMIT %(limit)s::integer
       FOR UPDATE OF r SKIP LOCKED
)
SELECT l.id::text, l.token::text, l.attempt, t.max_retries, t.retry_delay, t.retry_backoff, l.worker, l.timed_out,
       coalesce(t.timeout_seconds, extract(epoch FROM lapinq_now() - l.claimed_at)::float8) AS limit_seconds,
       l.worker_id::text, l.isolation, l.queue_name, l.is_asked_to_stop, t.task_name
  FROM lost l
  JOIN lapinq_tasks t ON t.id = l.id
 ORDER BY l.id
