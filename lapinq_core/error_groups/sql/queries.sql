-- name: count_active
-- How many groups of errors are open or regressed, by queue. Locks nothing. Relies on lapinq_error_groups_state.
SELECT queue_name, count(*)
  FROM lapinq_error_groups
 WHERE state IN ('open', 'regressed')
    OR state = 'muted' AND muted_until <= lapinq_now()
 GROUP BY queue_name

-- name: count_groups
-- How many groups of errors are in each state, of a queue, of `queues`, and with a task name that contains a text; NULL is
-- any. A group whose muting is over is open. Locks nothing. Scans lapinq_error_groups, which is bounded.
SELECT CASE WHEN state = 'muted' AND muted_until <= lapinq_now() THEN 'open' ELSE state END AS shown, count(*)
  FROM lapinq_error_groups
 WHERE (%(queue)s::text IS NULL OR queue_name = %(queue)s::text)
   AND (%(queues)s::text[] IS NULL OR queue_name = ANY (%(queues)s::text[]))
   AND (%(part)s::text IS NULL OR strpos(lower(task_name), lower(%(part)s::text)) > 0)
 GROUP BY shown

-- name: find_group
-- The id of the group with a fingerprint, in hexadecimal digits. Locks nothing. Relies on
-- lapinq_error_groups_fingerprint_key.
SELECT id
  FROM lapinq_error_groups
 WHERE fingerprint = decode(%(fingerprint)s::text, 'hex')

-- name: load_groups
-- The groups of errors with these ids. A group whose muting is over is open.
-- Locks nothing. Relies on lapinq_error_groups_pkey.
SELECT id, queue_name, task_name, kind,
       CASE WHEN state = 'muted' AND muted_until <= lapinq_now() THEN 'open' ELSE state END,
       state_by, state_at, state_reason, muted_until, regressed_at, first_at, last_at, failed, retried, sample_task::text,
       sample_error, sample_frame, workers, releases
  FROM lapinq_error_groups
 WHERE id = ANY (%(ids)s::bigint[])
