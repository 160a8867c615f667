-- Requests a worker to be quiet or to stop, or (NULL) clears the request. Returns its name. No row if it is unknown or
-- dead, has the same request already, or is to stop, which cannot be undone. Locks its row.
UPDATE lapinq_workers
   SET asked_to = %(asked_to)s::text,
       asked_by = %(asked_by)s,
       asked_at = lapinq_now()
 WHERE id = %(id)s::uuid
   AND dead_at IS NULL
   AND asked_to IS DISTINCT FROM %(asked_to)s::text
   AND asked_to IS DISTINCT FROM 'stop'
RETURNING name
