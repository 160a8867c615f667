-- name: count_active
-- How many groups of errors are open or regressed, by queue. Locks nothing. Relies on lapinq_error_groups_state.
SELECT queue_name, count(*)
  FROM lapinq_error_groups
 WHERE state IN ('open', 'regressed')
    OR state = 'muted' AND muted_until <= lapinq_now()
 GROUP BY queue_name

-- name: count_groups
-- How many groups of errors are in each state, of a queue, of `queues`, and with a task name that contains a text; NULL is
-- any; NULL is any type of error. A group whose muting is over is open. Locks nothing. Scans lapinq_error_groups, which is
-- bounded.
SELECT CASE WHEN state = 'muted' AND muted_until <= lapinq_now() THEN 'open' ELSE state END AS shown, count(*)
  FROM lapinq_error_groups
 WHERE (%(queue)s::text IS NULL OR queue_name = %(queue)s::text)
   AND (%(queues)s::text[] IS NULL OR queue_name = ANY (%(queues)s::text[]))
   AND (%(part)s::text IS NULL OR strpos(lower(task_name), lower(%(part)s::text)) > 0)
   AND (%(type)s::text IS NULL OR split_part(kind, ':', 1) = %(type)s::text)
 GROUP BY shown

-- name: find_beside
-- The other groups of a task function in a queue, those that failed last first. Locks nothing. Relies on
-- lapinq_error_groups_task.
SELECT id
  FROM lapinq_error_groups
 WHERE queue_name = %(queue)s::text
   AND task_name = %(task_name)s::text
   AND id <> %(id)s::bigint
 ORDER BY last_at DESC
 LIMIT %(limit)s::integer

-- name: find_group
-- The id of the group of an error. Locks nothing. Relies on lapinq_error_groups_fingerprint_key and
-- lapinq_error_merges_pkey.
SELECT lapinq_error_group(%(queue)s::text, %(task_name)s::text, %(error)s::text, %(traceback)s::text)

-- name: list_merged
-- The errors that were merged into a group, the newest first. Locks nothing. Relies on lapinq_error_merges_group.
SELECT encode(fingerprint, 'hex'), kind, place, merged_by, merged_at
  FROM lapinq_error_merges
 WHERE group_id = %(id)s::bigint
 ORDER BY merged_at DESC, fingerprint
 LIMIT %(limit)s::integer

-- name: load_groups
-- The groups of errors with these ids. A group whose muting is over is open.
-- Locks nothing. Relies on lapinq_error_groups_pkey.
SELECT id, queue_name, task_name, kind,
       CASE WHEN state = 'muted' AND muted_until <= lapinq_now() THEN 'open' ELSE state END,
       state_by, state_at, state_reason, muted_until, regressed_at, first_at, last_at, failed, retried, sample_task::text,
       sample_error, sample_frame, workers, releases, place, samples
  FROM lapinq_error_groups
 WHERE id = ANY (%(ids)s::bigint[])
