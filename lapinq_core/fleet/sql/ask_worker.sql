-- Asks a worker to be quiet or to stop, or (NULL) for nothing any more. Answers its name. No row comes back when it is
-- unknown or dead, was asked for this already, or was asked to stop, which can't be taken back. Locks its row.
UPDATE lapinq_workers
   SET asked_to = %(asked_to)s::text,
       asked_by = %(asked_by)s,
       asked_at = lapinq_now()
 WHERE id = %(id)s::uuid
   AND dead_at IS NULL
   AND asked_to IS DISTINCT FROM %(asked_to)s::text
   AND asked_to IS DISTINCT FROM 'stop'
RETURNING name
