-- The status of a task, and its result as JSON text, as the API shows it once the status is final.
-- Locks nothing. Relies on the primary keys and lapinq_attempts_final.
SELECT o.status, row_to_json(o)::text
  FROM (SELECT id, status, result, error, completed_at
          FROM lapinq_task_details
         WHERE id = %(id)s::uuid) AS o
