-- Which of these tasks are stored. Locks nothing. Relies on the primary key of lapinq_tasks.
SELECT id::text
  FROM lapinq_tasks
 WHERE id = ANY (%(ids)s::uuid[])
