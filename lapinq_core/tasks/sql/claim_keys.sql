-- Writes idempotency keys that are free: not there, or written a day ago or longer. Takes a JSON array of objects, each key
-- once; answers every key, whether it is held by another transaction that has not ended yet, and whether it was written.
-- Waits for none of those: a key is written under an advisory lock on its hash, held until the transaction ends, and what
-- can't be locked at once is held.
-- Locks the rows of free keys that are there, in the order of their bytes. Relies on lapinq_idempotency_keys_pkey.
WITH input AS MATERIALIZED (
    SELECT i.key, i.digest, i.task_ids, pg_try_advisory_xact_lock(hashtextextended(i.key, 1)) AS is_ours
      FROM json_to_recordset(%(keys)s::json) AS i (key text, digest text, task_ids uuid[])
), written AS (
    INSERT INTO lapinq_idempotency_keys AS k (key, digest, task_ids, created_at)
    SELECT key, decode(digest, 'hex'), task_ids, lapinq_now()
      FROM input
     WHERE is_ours
     ORDER BY key COLLATE "C"
    ON CONFLICT (key) DO UPDATE
       SET digest = excluded.digest,
           task_ids = excluded.task_ids,
           created_at = excluded.created_at
     WHERE k.created_at <= lapinq_now() - interval '24 hours'
    RETURNING k.key
)
SELECT i.key, NOT i.is_ours, w.key IS NOT NULL
  FROM input i
  LEFT JOIN written w ON w.key = i.key
