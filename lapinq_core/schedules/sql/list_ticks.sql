-- The latest ticks of some schedules, at most `limit` of each, planned before `before`; with the current status of the
-- task, NULL if there is no task or it was deleted, and when its running or last attempt started and how long that ran.
-- Locks nothing. Relies on lapinq_ticks_pkey and the primary keys of the tables that hold tasks by status.
SELECT t.schedule_id, t.fire_at, t.fired_at, t.outcome, t.task_id, t.missed_from, t.fired_by,
       CASE WHEN f.outcome IS NOT NULL THEN f.outcome
            WHEN r.id IS NOT NULL THEN 'running'
            WHEN w.id IS NOT NULL OR d.id IS NOT NULL THEN 'pending'
       END AS status,
       coalesce(f.claimed_at, r.claimed_at) AS started_at,
       coalesce(f.run_seconds, extract(epoch FROM f.finished_at - f.claimed_at)::float8) AS run_seconds
  FROM unnest(%(ids)s::bigint[]) AS wanted (id)
 CROSS JOIN LATERAL (
       SELECT *
         FROM lapinq_ticks
        WHERE schedule_id = wanted.id AND fire_at < coalesce(%(before)s::timestamptz, 'infinity')
        ORDER BY fire_at DESC
        LIMIT %(limit)s::integer) t
  LEFT JOIN lapinq_attempts f ON f.task_id = t.task_id AND f.final
  LEFT JOIN lapinq_running r ON r.id = t.task_id
  LEFT JOIN lapinq_ready w ON w.id = t.task_id
  LEFT JOIN lapinq_delayed d ON d.id = t.task_id
 ORDER BY t.schedule_id, t.fire_at DESC
