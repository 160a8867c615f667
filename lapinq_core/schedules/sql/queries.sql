-- name: delete_schedule
-- Deletes a schedule with its ticks; tasks that it enqueued stay. Locks its row.
DELETE FROM lapinq_schedules
 WHERE id = %(id)s::bigint

-- name: drop_held
-- Skips the held ticks of schedules. Locks them. Relies on lapinq_ticks_held.
UPDATE lapinq_ticks
   SET outcome = 'skipped'
 WHERE schedule_id = ANY(%(ids)s::bigint[]) AND outcome = 'held'

-- name: move_schedules
-- Advances schedules to their next planned time, unless they were advanced or changed since they were read.
-- Locks them; the caller has locked them already. Relies on lapinq_schedules_pkey.
UPDATE lapinq_schedules s
   SET next_fire_at = i.following
  FROM json_to_recordset(%(moves)s::json) AS i (id bigint, version integer, fire_at timestamptz, following timestamptz)
 WHERE s.id = i.id AND s.version = i.version AND s.next_fire_at = i.fire_at

-- name: next_tick
-- The seconds until the next tick is due, NULL if there is none; whether one is due already, and whether one is held.
-- Locks nothing. Relies on lapinq_schedules_next_fire_at and lapinq_ticks_held.
SELECT (SELECT extract(epoch FROM min(next_fire_at) - lapinq_now())::float8
          FROM lapinq_schedules
         WHERE next_fire_at > lapinq_now()),
       EXISTS (SELECT FROM lapinq_schedules WHERE next_fire_at <= lapinq_now()),
       EXISTS (SELECT FROM lapinq_ticks WHERE outcome = 'held')

-- name: release_ticks
-- Gives held ticks their tasks, and returns those that were still held. Locks them. Relies on lapinq_ticks_pkey.
UPDATE lapinq_ticks t
   SET outcome = 'enqueued', task_id = i.task_id
  FROM json_to_recordset(%(ticks)s::json) AS i (schedule_id bigint, fire_at timestamptz, task_id uuid)
 WHERE t.schedule_id = i.schedule_id AND t.fire_at = i.fire_at AND t.outcome = 'held'
RETURNING t.schedule_id

-- name: resume_schedule
-- Resumes a paused schedule, next due at `next_fire_at`. No row if it is not paused. Locks its row.
UPDATE lapinq_schedules
   SET paused_at = NULL, paused_by = NULL, pause_reason = NULL, next_fire_at = %(next_fire_at)s, version = version + 1
 WHERE id = %(id)s::bigint AND paused_at IS NOT NULL
RETURNING id

-- name: set_tick_outcomes
-- Records that ticks which were just handled got no task. Locks them. Relies on lapinq_ticks_pkey.
UPDATE lapinq_ticks t
   SET outcome = i.outcome, task_id = NULL
  FROM json_to_recordset(%(ticks)s::json) AS i (schedule_id bigint, fire_at timestamptz, outcome text)
 WHERE t.schedule_id = i.schedule_id AND t.fire_at = i.fire_at
