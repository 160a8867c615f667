-- Writes free idempotency keys: those that don't exist or are at least a day old. Takes a JSON array of objects, each
-- key once; `met` says which tasks of the answer were there before. Returns each key, whether another open transaction
-- holds it, and whether it was written.
-- It never waits: each key is written under an advisory lock on its hash, held until the transaction ends; a key whose
-- lock is taken is held.
-- Locks the rows of existing free keys, in byte order. Relies on lapinq_idempotency_keys_pkey.
WITH input AS MATERIALIZED (
    SELECT i.key, i.digest, i.task_ids, i.met, pg_try_advisory_xact_lock(hashtextextended(i.key, 1)) AS is_ours
      FROM json_to_recordset(%(keys)s::json) AS i (key text, digest text, task_ids uuid[], met json)
), written AS (
    INSERT INTO lapinq_idempotency_keys AS k (key, digest, task_ids, met, created_at)
    SELECT key, decode(digest, 'hex'), task_ids, met, lapinq_now()
      FROM input
     WHERE is_ours
     ORDER BY key COLLATE "C"
    ON CONFLICT (key) DO UPDATE
       SET digest = excluded.digest,
           task_ids = excluded.task_ids,
           met = excluded.met,
           created_at = excluded.created_at
     WHERE k.created_at <= lapinq_now() - interval '24 hours'
    RETURNING k.key
)
SELECT i.key, NOT i.is_ours, w.key IS NOT NULL
  FROM input i
  LEFT JOIN written w ON w.key = i.key
