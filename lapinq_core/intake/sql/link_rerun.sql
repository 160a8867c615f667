-- Links a task to the earlier one that it repeats. Locks its row, which is of the same transaction.
-- Relies on lapinq_tasks_pkey. No index holds the column.
UPDATE lapinq_tasks
   SET rerun_of = %(earlier_id)s::uuid
 WHERE id = %(id)s::uuid
