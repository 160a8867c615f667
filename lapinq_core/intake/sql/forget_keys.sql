-- Deletes up to `limit` idempotency keys that are at least a day old, oldest first; returns how many.
-- Locks the rows it deletes, skipping locked ones. Relies on lapinq_idempotency_keys_created_at.
WITH old AS MATERIALIZED (
    SELECT ctid
      FROM lapinq_idempotency_keys
     WHERE created_at <= lapinq_now() - interval '24 hours'
     ORDER BY created_at
     LIMIT %(limit)s::integer
       FOR UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM lapinq_idempotency_keys k
     WHERE k.ctid = ANY (ARRAY(SELECT ctid FROM old))
    RETURNING k.key
)
SELECT count(*) FROM gone
