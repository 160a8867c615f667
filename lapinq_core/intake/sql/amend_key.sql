-- Puts other ids into the answer of an idempotency key that this transaction has written.
-- Locks nothing that it hasn't locked. Relies on lapinq_idempotency_keys_pkey.
UPDATE lapinq_idempotency_keys
   SET task_ids = %(task_ids)s::uuid[],
       met = %(met)s::json
 WHERE key = %(key)s::text
