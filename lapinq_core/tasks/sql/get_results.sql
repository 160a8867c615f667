-- As get_result, for many tasks: the id, the status, and the result as JSON text.
-- Locks nothing. Relies on the primary keys and lapinq_attempts_final.
SELECT o.id::text, o.status, row_to_json(o)::text
  FROM (SELECT id, status, result, error, completed_at
          FROM lapinq_task_details
         WHERE id = ANY (%(ids)s::uuid[])) AS o
