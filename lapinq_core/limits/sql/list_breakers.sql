-- Circuit breakers by kind and name: all, or one. Of parked tasks it counts up to `most` for each task name.
-- Locks nothing. Reads all breakers, which are few. Relies on lapinq_delayed_parked.
SELECT kind, b.name,
       (SELECT count(*)
          FROM (SELECT FROM lapinq_delayed WHERE kind = 'task' AND parked_for = b.name LIMIT %(most)s::integer) AS parked),
       coalesce(b.source, q.policy_source), failures_in_row, failure_share, window_seconds, least_attempts, retry_after_seconds,
       state, since, failures, attempts, opened_at, tries_at, failed_task_id::text, probe_id::text
  FROM lapinq_circuit_breakers b
  LEFT JOIN lapinq_queues q ON kind = 'queue' AND q.name = b.name
 WHERE %(name)s::text IS NULL
    OR (kind, b.name) = (%(kind)s::text, %(name)s::text)
 ORDER BY 1, 2
