-- The groups of errors with these ids. A group whose muting is over is open.
-- Locks nothing. Relies on lapinq_error_groups_pkey.
SELECT id, queue_name, task_name, kind,
       CASE WHEN state = 'muted' AND muted_until <= lapinq_now() THEN 'open' ELSE state END,
       state_by, state_at, state_reason, muted_until, regressed_at, first_at, last_at, failed, retried, sample_task::text,
       sample_error, sample_frame, workers, releases
  FROM lapinq_error_groups
 WHERE id = ANY (%(ids)s::bigint[])
