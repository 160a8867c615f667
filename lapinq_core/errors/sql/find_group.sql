-- The id of the group with a fingerprint, in hexadecimal digits. Locks nothing. Relies on
-- lapinq_error_groups_fingerprint_key.
SELECT id
  FROM lapinq_error_groups
 WHERE fingerprint = decode(%(fingerprint)s::text, 'hex')
