-- Inserts ticks as handled, and returns those that nobody had handled before: only they may get a task.
-- Locks what it inserts; waits for a transaction that is inserting the same tick. Relies on lapinq_ticks_pkey, which
-- decides.
INSERT INTO lapinq_ticks (schedule_id, fire_at, fired_at, outcome, task_id, missed_from, fired_by)
SELECT schedule_id, fire_at, lapinq_now(), outcome, task_id, missed_from, fired_by
  FROM json_to_recordset(%(ticks)s::json) AS i (
       schedule_id bigint, fire_at timestamptz, outcome text, task_id uuid, missed_from timestamptz, fired_by text)
 ORDER BY schedule_id, fire_at
ON CONFLICT (schedule_id, fire_at) DO NOTHING
RETURNING schedule_id, fire_at
