-- Locks a schedule by its name, before it or what hangs on it is changed, and tells the time. No row when there is none.
-- Waits for a scheduler that deals with a tick of it. Relies on lapinq_schedules_name_key.
SELECT id, lapinq_now()
  FROM lapinq_schedules
 WHERE name = %(name)s::text
   FOR NO KEY UPDATE
