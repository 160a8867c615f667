-- Unique keys whose row doesn't agree with a task that waits or runs: what is wrong, queue and key. `free`: the task holds the
-- key, and the row names another task or is missing. `until`: the two differ in how long. `other`: the task that the row
-- names has another key or queue. Up to a hundred. A waiting task past its time to live holds nothing.
-- Locks nothing. Reads all of lapinq_ready, lapinq_delayed, lapinq_running and lapinq_unique_keys; relies on
-- lapinq_tasks_pkey.
WITH live AS MATERIALIZED (
    SELECT id, starts = 0 AS is_new
      FROM lapinq_ready
     WHERE expires_at IS NULL OR expires_at > lapinq_now()
     UNION ALL
    SELECT id, starts = 0
      FROM lapinq_delayed
     WHERE expires_at IS NULL OR expires_at > lapinq_now()
     UNION ALL
    SELECT id, false
      FROM lapinq_running
), holders AS (
    SELECT t.id, t.queue_name, t.unique_key AS key, t.unique_until AS until
      FROM live l
      JOIN lapinq_tasks t USING (id)
     WHERE t.unique_key IS NOT NULL
       AND (t.unique_until = 'finished' OR t.unique_until = 'started' AND l.is_new)
)
SELECT CASE WHEN k.task_id IS DISTINCT FROM h.id THEN 'free' ELSE 'until' END AS kind, h.queue_name || ': ' || h.key
  FROM holders h
  LEFT JOIN lapinq_unique_keys k ON k.queue_name = h.queue_name AND k.key = h.key
 WHERE (k.task_id, k.until) IS DISTINCT FROM (h.id, h.until)
 UNION
SELECT 'other', k.queue_name || ': ' || k.key
  FROM lapinq_unique_keys k
  JOIN lapinq_tasks t ON t.id = k.task_id
 WHERE (t.queue_name, t.unique_key) IS DISTINCT FROM (k.queue_name, k.key)
 ORDER BY 1, 2
 LIMIT 100
