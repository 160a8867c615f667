-- Tasks that wait or run with a lane, units or rank that don't follow from their key, limits and priority: place, queue, id.
-- Up to a hundred.
-- Locks nothing. Reads all of lapinq_ready, lapinq_delayed and lapinq_running.
SELECT place, p.queue_name, p.id::text
  FROM (SELECT 'ready' AS place, queue_name, id, rank, lane, units
          FROM lapinq_ready
        UNION ALL
        SELECT 'delayed', queue_name, id, rank, lane, units
          FROM lapinq_delayed
        UNION ALL
        SELECT 'running', queue_name, id, rank, lane, units
          FROM lapinq_running) AS p
  JOIN lapinq_tasks t ON t.id = p.id
 WHERE (p.lane IS NOT NULL OR t.key IS NOT NULL OR t.limits IS NOT NULL OR p.rank <> -t.priority::bigint)
   AND (p.lane IS DISTINCT FROM lapinq_lane(t.key, t.limits)
        OR p.units IS DISTINCT FROM lapinq_units(t.limits)
        OR p.rank <> lapinq_rank(t.priority, lapinq_lane(t.key, t.limits)))
 ORDER BY place, p.queue_name, p.id
 LIMIT 100
