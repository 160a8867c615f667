-- name: begin_walk
-- The bounds of a walk over tasks: the time, and the newest task (NULL: none).
-- Locks nothing. Relies on lapinq_tasks_pkey.
SELECT lapinq_now(), (SELECT id FROM lapinq_tasks ORDER BY id DESC LIMIT 1)::text

-- name: count_delayed
-- How many tasks of the queues (NULL: all) are delayed, including those that wait for a retry.
-- Locks nothing. Reads all of lapinq_delayed, so call it once at the end of a drain, not in a loop.
SELECT count(*)
  FROM lapinq_delayed
 WHERE %(queues)s::text[] IS NULL
    OR queue_name = ANY (%(queues)s::text[])

-- name: get_result
-- The status of a task, and its result as JSON text, as the API shows it once the status is final.
-- Locks nothing. Relies on the primary keys and lapinq_attempts_final.
SELECT o.status, row_to_json(o)::text
  FROM (SELECT id, status, result, error, completed_at
          FROM lapinq_task_details
         WHERE id = %(id)s::uuid) AS o

-- name: get_results
-- As get_result, for many tasks: the id, the status, and the result as JSON text.
-- Locks nothing. Relies on the primary keys and lapinq_attempts_final.
SELECT o.id::text, o.status, row_to_json(o)::text
  FROM unnest(%(ids)s::uuid[]) AS i (id)
 CROSS JOIN LATERAL (
       SELECT id, status, result, error, completed_at
         FROM lapinq_task_details
        WHERE id = i.id
        LIMIT 1) AS o

-- name: has_transient
-- Whether any fire-and-forget task of the queues (NULL: all) waits, due or not.
-- Locks nothing. Relies on the primary key of lapinq_transient.
SELECT EXISTS (
       SELECT
         FROM lapinq_transient
        WHERE %(queues)s::text[] IS NULL
           OR queue_name = ANY (%(queues)s::text[]))

-- name: is_pending
-- A row if the task is in ready or delayed. Locks nothing.
SELECT true
 WHERE EXISTS (SELECT FROM lapinq_ready WHERE id = %(id)s::uuid)
    OR EXISTS (SELECT FROM lapinq_delayed WHERE id = %(id)s::uuid)

-- name: paused
-- The names of paused queues. Locks nothing; the table has a row for each queue that was ever paused.
SELECT name
  FROM lapinq_queues
 WHERE paused_at IS NOT NULL

-- name: running_claim
-- The claim of a running task, NULL if it is not running; no row for an unknown one.
-- Locks nothing. Relies on the primary keys.
SELECT r.seq
  FROM lapinq_tasks t
  LEFT JOIN lapinq_running r ON r.id = t.id
 WHERE t.id = %(id)s::uuid

-- name: set_progress
-- Sets the progress of a running attempt from outside its worker. Returns a row if it did; none if the task is not
-- running, or has another claim than the one named.
-- Locks its running row. Relies on lapinq_running_pkey.
UPDATE lapinq_running
   SET progress = %(progress)s::smallint,
       progress_message = %(message)s::text
 WHERE id = %(id)s::uuid
   AND (%(claim_seq)s::bigint IS NULL OR seq = %(claim_seq)s::bigint)
RETURNING queue_name

-- name: task_names
-- A task's queue and name, which never change; no row for an unknown one.
-- Locks nothing. Relies on lapinq_tasks_pkey.
SELECT queue_name, task_name
  FROM lapinq_tasks
 WHERE id = %(id)s::uuid
