-- As get_result, for many tasks: the id, the status, and the result as JSON text.
-- Locks nothing. Relies on the primary keys and lapinq_attempts_final.
SELECT o.id::text, o.status, row_to_json(o)::text
  FROM unnest(%(ids)s::uuid[]) AS i (id)
 CROSS JOIN LATERAL (
       SELECT id, status, result, error, completed_at
         FROM lapinq_task_details
        WHERE id = i.id
        LIMIT 1) AS o
