-- Facts that tell why a task is not running: the current time, and what the task, its queue, its worker and its latest
-- attempt say. No row for a task that is unknown or has ended.
-- Locks nothing. Relies on the primary keys, lapinq_attempts_earlier and the settings of `backward_scan.py`.
SELECT lapinq_now(),
       t.queue_name,
       t.module_path,
       t.task_name,
       CASE WHEN d.parked_for IS NULL THEN nullif(d.due_at, lapinq_never()) END,
       d.due_at = lapinq_never(),
       coalesce(w.starts, d.starts, 0),
       coalesce(w.isolation, d.isolation, 0),
       coalesce(w.expires_at, d.expires_at),
       w.rank,
       w.seq,
       w.lane,
       q.is_governed OR w.lane IS NOT NULL,
       last.error,
       q.paused_at,
       q.paused_by,
       q.pause_reason,
       coalesce(q.start_order, 'priority'),
       r.cancel_requested_at,
       r.worker_id::text,
       k.name,
       k.beat_at,
       k.dead_at,
       k.lease_seconds
  FROM lapinq_tasks t
  LEFT JOIN lapinq_ready w ON w.id = t.id
  LEFT JOIN lapinq_delayed d ON d.id = t.id
  LEFT JOIN lapinq_running r ON r.id = t.id
  LEFT JOIN lapinq_workers k ON k.id = r.worker_id
  LEFT JOIN lapinq_queues q ON q.name = t.queue_name
  LEFT JOIN LATERAL (
       SELECT a.error
         FROM lapinq_attempts a
        WHERE a.task_id = %(id)s::uuid
          AND NOT a.final
        ORDER BY a.finished_at DESC
        LIMIT 1) AS last ON true
 WHERE t.id = %(id)s::uuid
   AND (w.id IS NOT NULL OR d.id IS NOT NULL OR r.id IS NOT NULL)
