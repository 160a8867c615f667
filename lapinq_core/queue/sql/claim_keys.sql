-- Writes idempotency keys that are free: not there, or written a day ago or longer. Takes a JSON array of objects, each key
-- once; answers those it wrote. A key that another transaction has just written is waited for until that ends.
-- Locks the rows of keys that are there, and the keys themselves, in the order of their bytes.
-- Relies on lapinq_idempotency_keys_pkey.
INSERT INTO lapinq_idempotency_keys AS k (key, digest, task_ids, created_at)
SELECT i.key, decode(i.digest, 'hex'), i.task_ids, lapinq_now()
  FROM json_to_recordset(%(keys)s::json) AS i (key text, digest text, task_ids uuid[])
 ORDER BY i.key COLLATE "C"
ON CONFLICT (key) DO UPDATE
   SET digest = excluded.digest,
       task_ids = excluded.task_ids,
       created_at = excluded.created_at
 WHERE k.created_at <= lapinq_now() - interval '24 hours'
RETURNING k.key
