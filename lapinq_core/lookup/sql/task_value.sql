-- One value of a task as JSON text: `field` is args, kwargs, metadata or result. No row for an unknown id.
-- Locks nothing. Relies on the primary key and lapinq_attempts_final.
SELECT CASE %(field)s::text
       WHEN 'args' THEN args::text
       WHEN 'kwargs' THEN kwargs::text
       WHEN 'metadata' THEN metadata::text
       WHEN 'result' THEN result
       END
  FROM lapinq_task_details
 WHERE id = %(id)s::uuid
