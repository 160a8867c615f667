-- Records which tasks a worker has found in its modules. Locks its row. No index holds the column.
UPDATE lapinq_workers
   SET registered = %(tasks)s::jsonb
 WHERE id = %(id)s::uuid
