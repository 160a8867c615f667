-- Idempotency keys with the digest of their request and the ids in its answer.
-- Locks nothing. Relies on lapinq_idempotency_keys_pkey.
SELECT key, digest, task_ids::text[]
  FROM lapinq_idempotency_keys
 WHERE key = ANY (%(keys)s::text[])
