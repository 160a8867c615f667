-- name: begin_walk
-- The bounds of a walk over tasks: the time, and the newest task (NULL: none).
-- Locks nothing. Relies on lapinq_tasks_pkey.
SELECT lapinq_now(), (SELECT id FROM lapinq_tasks ORDER BY id DESC LIMIT 1)::text

-- name: bulk_actions
-- Bulk actions, newest first: all, or (`is_active`) those that have not ended; of readers limited to `queues`, those that
-- touch no others. {columns} are those of a `BulkAction`. Locks nothing. Relies on lapinq_bulk_actions_pkey, or on
-- lapinq_bulk_actions_free_at: those that have not ended are few.
SELECT {columns}
  FROM lapinq_bulk_actions
 WHERE (%(before)s::uuid IS NULL OR id < %(before)s::uuid)
   AND (%(queues)s::text[] IS NULL OR queues <@ %(queues)s::text[])
   AND (NOT %(is_active)s::boolean OR ended_at IS NULL)
 ORDER BY id DESC
 LIMIT %(limit)s::integer

-- name: count_bulk_actions
-- How many bulk actions have not ended: all, and those of an actor. Locks nothing. Relies on lapinq_bulk_actions_free_at.
SELECT count(*),
       count(*) FILTER (WHERE actor_kind = %(actor_kind)s::text AND actor_id IS NOT DISTINCT FROM %(actor_id)s::bigint)
  FROM lapinq_bulk_actions
 WHERE ended_at IS NULL

-- name: count_delayed
-- How many tasks of the queues (NULL: all) are delayed, including those that wait for a retry.
-- Locks nothing. Reads all of lapinq_delayed, so call it once at the end of a drain, not in a loop.
SELECT count(*)
  FROM lapinq_delayed
 WHERE %(queues)s::text[] IS NULL
    OR queue_name = ANY (%(queues)s::text[])

-- name: end_bulk_action
-- Ends a bulk action whose server this is. Locks its row. Relies on lapinq_bulk_actions_pkey.
UPDATE lapinq_bulk_actions
   SET ended_at = lapinq_now(),
       outcome = %(outcome)s::text,
       error = %(error)s::text
 WHERE id = %(id)s::uuid
   AND token = %(token)s::uuid
   AND ended_at IS NULL

-- name: free_bulk_action
-- Gives a bulk action back, for the server that takes it next. Locks its row. Relies on lapinq_bulk_actions_pkey.
UPDATE lapinq_bulk_actions
   SET free_at = lapinq_now()
 WHERE id = %(id)s::uuid
   AND token = %(token)s::uuid
   AND ended_at IS NULL

-- name: get_bulk_action
-- A bulk action. {columns} are those of a `BulkAction`. Locks nothing. Relies on lapinq_bulk_actions_pkey.
SELECT {columns}
  FROM lapinq_bulk_actions
 WHERE id = %(id)s::uuid

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

-- name: stop_bulk_action
-- Ends a bulk action that has not ended. A step that its server is making is undone: `advance_bulk_action` finds it ended. A
-- row if it did. Locks its row. Relies on lapinq_bulk_actions_pkey.
UPDATE lapinq_bulk_actions
   SET ended_at = lapinq_now(),
       outcome = 'stopped',
       stopped_by = %(by)s::text
 WHERE id = %(id)s::uuid
   AND ended_at IS NULL
RETURNING true

-- name: task_names
-- A task's queue and name, which never change; no row for an unknown one.
-- Locks nothing. Relies on lapinq_tasks_pkey.
SELECT queue_name, task_name
  FROM lapinq_tasks
 WHERE id = %(id)s::uuid
