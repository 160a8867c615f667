-- A row if the task is in ready or delayed. Locks nothing.
SELECT true
 WHERE EXISTS (SELECT FROM lapinq_ready WHERE id = %(id)s::uuid)
    OR EXISTS (SELECT FROM lapinq_delayed WHERE id = %(id)s::uuid)
