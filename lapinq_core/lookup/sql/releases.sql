-- The releases of workers, by their ids. Locks nothing. Relies on the primary key.
SELECT id::text, release
  FROM lapinq_workers
 WHERE id = ANY (%(ids)s::uuid[])
