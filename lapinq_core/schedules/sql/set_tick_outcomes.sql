-- Records that ticks which were just handled got no task. Locks them. Relies on lapinq_ticks_pkey.
UPDATE lapinq_ticks t
   SET outcome = i.outcome, task_id = NULL
  FROM json_to_recordset(%(ticks)s::json) AS i (schedule_id bigint, fire_at timestamptz, outcome text)
 WHERE t.schedule_id = i.schedule_id AND t.fire_at = i.fire_at
