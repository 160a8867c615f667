-- The names of the schedules that enqueued some tasks, by task id. Tasks that none did are left out.
-- Locks nothing. Relies on lapinq_ticks_task_id and lapinq_schedules_pkey.
SELECT k.task_id::text, s.name
  FROM lapinq_ticks k
  JOIN lapinq_schedules s ON s.id = k.schedule_id
 WHERE k.task_id = ANY (%(ids)s::uuid[])
