-- What an unanswered claim took, in the form of claim.sql.
-- Locks nothing. Reads lapinq_running, which is small. Relies on lapinq_attempts_earlier: a task that ran before waits since its last attempt
-- ended or was requeued.
SELECT json_agg(json_build_array(t.id, t.task_name, t.module_path, t.args, t.kwargs, r.attempt, t.max_retries,
                                 t.retry_delay, t.retry_backoff, CASE WHEN r.lane IS NULL THEN r.rank ELSE r.rank - 2199023255552 END, 0,
                                 extract(epoch FROM r.expires_at - lapinq_now())::float8, t.timeout_seconds, r.seq,
                                 date_part('epoch', t.created_at), t.metadata,
                                 CASE WHEN t.profile THEN 2 ELSE r.isolation END,
                                 CASE WHEN r.attempt = 1
                                      THEN date_part('epoch', r.claimed_at - greatest(t.created_at, t.scheduled_at, (
                                               SELECT coalesce(a.requeued_at, a.finished_at)
                                                 FROM lapinq_attempts a
                                                WHERE a.task_id = t.id AND NOT a.final
                                                ORDER BY a.finished_at DESC
                                                LIMIT 1))) END,
                                 t.request_id, t.profile, r.queue_name)
                ORDER BY r.queue_name, r.rank, r.seq)::text
  FROM lapinq_running r
  JOIN lapinq_tasks t ON t.id = r.id
 WHERE r.worker_id = %(worker)s::uuid
   AND r.token = %(token)s::uuid
