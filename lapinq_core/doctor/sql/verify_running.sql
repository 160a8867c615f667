-- Limits beside which more tasks run than they allow: of a queue, of a key, or by name. What it is, its name, how many run, and
-- how many may.
-- Locks nothing. Reads all of lapinq_running.
WITH running AS MATERIALIZED (
    SELECT queue_name, lane FROM lapinq_running
)
SELECT 'queue' AS kind, q.name, count(*), q.max_running
  FROM running r
  JOIN lapinq_queues q ON q.name = r.queue_name
 GROUP BY q.name, q.max_running
HAVING count(*) > q.max_running
 UNION ALL
SELECT 'key', q.name || ': ' || split_part(r.lane, chr(31), 1), count(*), q.max_running_per_key
  FROM running r
  JOIN lapinq_queues q ON q.name = r.queue_name
 WHERE split_part(r.lane, chr(31), 1) > ''
 GROUP BY q.name, q.max_running_per_key, q.start_order, split_part(r.lane, chr(31), 1)
HAVING count(*) > least(q.max_running_per_key, CASE WHEN q.start_order = 'strict_per_key' THEN 1 END)
 UNION ALL
SELECT 'limit', l.name, count(*), l.max_running
  FROM running r
 CROSS JOIN unnest(string_to_array(split_part(r.lane, chr(31), 2), ',')) AS taken (name)
  JOIN lapinq_limits l ON l.name = taken.name
 GROUP BY l.name
HAVING count(*) > l.max_running
 ORDER BY 1, 2
 LIMIT 100
