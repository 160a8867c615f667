-- Locks a schedule by its name before a change to it or to its ticks, and returns the time. No row if there is none.
-- Waits for a scheduler that handles a tick of it. Relies on lapinq_schedules_name_key.
SELECT id, lapinq_now()
  FROM lapinq_schedules
 WHERE name = %(name)s::text
   FOR NO KEY UPDATE
