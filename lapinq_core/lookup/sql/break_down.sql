-- How many of the ended tasks with these ids have each key, and how many ended in each release; NULL is none. Returns "key"
-- or "release", the value and the number, the largest first. Locks nothing. Relies on the keys of lapinq_tasks and
-- lapinq_workers, and on lapinq_attempts_final: some rows a task.
WITH ended AS MATERIALIZED (
    SELECT t.key, w.release
      FROM unnest(%(ids)s::uuid[]) AS i (id)
     CROSS JOIN LATERAL (SELECT key FROM lapinq_tasks WHERE id = i.id LIMIT 1) AS t
     CROSS JOIN LATERAL (SELECT worker_id FROM lapinq_attempts WHERE task_id = i.id AND final LIMIT 1) AS f
      LEFT JOIN LATERAL (SELECT release FROM lapinq_workers WHERE id = f.worker_id LIMIT 1) AS w ON true
)
SELECT 'key' AS what, key AS value, count(*) AS tasks
  FROM ended
 GROUP BY key
UNION ALL
SELECT 'release', release, count(*)
  FROM ended
 GROUP BY release
 ORDER BY tasks DESC, value
