-- Gives held ticks their tasks, and returns those that were still held. Locks them. Relies on lapinq_ticks_pkey.
UPDATE lapinq_ticks t
   SET outcome = 'enqueued', task_id = i.task_id
  FROM json_to_recordset(%(ticks)s::json) AS i (schedule_id bigint, fire_at timestamptz, task_id uuid)
 WHERE t.schedule_id = i.schedule_id AND t.fire_at = i.fire_at AND t.outcome = 'held'
RETURNING t.schedule_id
