-- Idempotency keys with the digest of their request, the ids in its answer, and which of them it met.
-- Locks nothing. Relies on lapinq_idempotency_keys_pkey.
SELECT key, digest, task_ids::text[], met::text
  FROM lapinq_idempotency_keys
 WHERE key = ANY (%(keys)s::text[])
