-- Locks the groups of errors with these ids, in the order of their fingerprints, and returns their ids.
-- Relies on lapinq_error_groups_pkey.
SELECT id
  FROM lapinq_error_groups
 WHERE id = ANY (%(ids)s::bigint[])
 ORDER BY fingerprint
   FOR UPDATE
