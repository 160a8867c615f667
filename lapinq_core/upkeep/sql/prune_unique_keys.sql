-- Deletes unique keys that no task has held for an hour or more, among the `limit` keys that follow `queue` and `key`.
-- Returns how many it deleted, how many it looked at, and the last of these.
-- Locks the rows it deletes, skipping locked ones. One that got another task meanwhile is newer than an hour, and stays.
-- Relies on lapinq_unique_keys_pkey.
WITH looked AS MATERIALIZED (
    SELECT queue_name, key
      FROM lapinq_unique_keys
     WHERE (queue_name, key) > (%(queue)s::text, %(key)s::text)
     ORDER BY queue_name, key
     LIMIT %(limit)s::integer
), idle AS MATERIALIZED (
    SELECT k.ctid
      FROM looked l
      JOIN lapinq_unique_keys k ON k.queue_name = l.queue_name AND k.key = l.key
     WHERE k.taken_at <= lapinq_now() - interval '1 hour'
       AND NOT lapinq_holds_key(k.task_id, k.until, k.expires_at)
       FOR UPDATE OF k SKIP LOCKED
), gone AS (
    DELETE FROM lapinq_unique_keys k
     WHERE k.ctid = ANY ((SELECT array_agg(ctid) FROM idle)::tid[])
    RETURNING true
), edge AS (
    SELECT queue_name, key FROM looked ORDER BY queue_name DESC, key DESC LIMIT 1
)
SELECT (SELECT count(*) FROM gone),
       (SELECT count(*) FROM looked),
       (SELECT queue_name FROM edge),
       (SELECT key FROM edge)
