-- A worker ends. What it should still hold is found by find_lost.sql, for its worker is gone. Locks its own row.
DELETE FROM lapinq_workers
 WHERE id = %(id)s::uuid
