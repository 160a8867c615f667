-- Advances schedules to their next planned time, unless they were advanced or changed since they were read.
-- Locks them; the caller has locked them already. Relies on lapinq_schedules_pkey.
UPDATE lapinq_schedules s
   SET next_fire_at = i.following
  FROM json_to_recordset(%(moves)s::json) AS i (id bigint, version integer, fire_at timestamptz, following timestamptz)
 WHERE s.id = i.id AND s.version = i.version AND s.next_fire_at = i.fire_at
