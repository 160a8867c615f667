-- The oldest decision `name` of a task that nobody has made. Locks it. Relies on lapinq_decisions_place.
SELECT id, task_id::text, name, title, question, schema
  FROM lapinq_decisions
 WHERE task_id = %(task_id)s::uuid
   AND name = %(name)s::text
   AND decided_at IS NULL
 ORDER BY id
 LIMIT 1
   FOR NO KEY UPDATE
