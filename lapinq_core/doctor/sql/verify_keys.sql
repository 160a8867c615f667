-- Keys of which the task that started last has another key or queue, and news of named limits that are gone: what it is, and
-- its name. Up to a hundred. A task with a unique key may have been replaced by one of another key.
-- Locks nothing. Reads all of lapinq_keys and lapinq_limit_news; relies on lapinq_tasks_pkey.
SELECT 'key' AS kind, k.queue_name || ': ' || k.key
  FROM lapinq_keys k
  JOIN lapinq_tasks t ON t.id = k.holder
 WHERE t.queue_name <> k.queue_name
    OR coalesce(t.key, '') <> k.key AND t.unique_key IS NULL
 UNION
SELECT 'limit', n.limit_name
  FROM lapinq_limit_news n
 WHERE NOT EXISTS (SELECT FROM lapinq_limits l WHERE l.name = n.limit_name)
 ORDER BY 1, 2
 LIMIT 100
