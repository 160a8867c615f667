-- A task's queue and name, which never change; no row for an unknown one.
-- Locks nothing. Relies on lapinq_tasks_pkey.
SELECT queue_name, task_name
  FROM lapinq_tasks
 WHERE id = %(id)s::uuid
