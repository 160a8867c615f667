-- Lanes that differ from what waits and runs, of which no news tells claims to look at them: what is wrong, queue and lane.
-- `unseen`: tasks wait in lanes, and the queue's row does not say so. `missing`: the lane has no row. `names`: it names other
-- limits. `closed`: nothing blocks its key. `late`: its place is behind its first task. Up to a hundred. A lane may be open
-- although nothing waits in it, or its head has gone: the claim that meets it corrects that (lapinq_removed_lanes_1).
-- Locks nothing. Reads all laned rows of lapinq_ready and all lanes, and asks of the keys of closed ones (lapinq_key_now_1).
WITH waiting AS MATERIALIZED (
    SELECT queue_name, lane, min(rank) FILTER (WHERE expires_at IS NULL OR expires_at > lapinq_now()) AS rank
      FROM lapinq_ready
     WHERE lane IS NOT NULL
     GROUP BY queue_name, lane
), told AS MATERIALIZED (
    SELECT DISTINCT n.queue_name, lane, split_part(lane, chr(31), 1) AS key
      FROM lapinq_lane_news n
     CROSS JOIN unnest(n.lanes) AS lane
), open_keys AS MATERIALIZED (
    SELECT DISTINCT queue_name, split_part(lane, chr(31), 1) AS key
      FROM lapinq_lanes
     WHERE is_open
        OR opens_at IS NOT NULL
), both_sides AS (
    SELECT queue_name, lane, split_part(lane, chr(31), 1) AS key, w.is_there IS NOT NULL AS waits, w.rank AS first_rank,
           l.is_there IS NOT NULL AS has_row, l.names, l.is_open, l.rank, l.opens_at
      FROM (SELECT queue_name, lane, lane AS is_there, rank FROM waiting) AS w (queue_name, lane, is_there, rank)
      FULL JOIN (SELECT *, lane AS is_there FROM lapinq_lanes) AS l USING (queue_name, lane)
), judged AS (
    SELECT b.queue_name, b.lane, b.key,
           CASE WHEN b.waits AND q.is_laned IS NOT TRUE THEN 'unseen'
                WHEN b.waits AND NOT b.has_row THEN 'missing'
                WHEN b.names <> split_part(b.lane, chr(31), 2) THEN 'names'
                WHEN b.is_open AND q.start_order = 'priority' AND b.rank > b.first_rank THEN 'late'
                WHEN b.waits AND NOT b.is_open AND b.opens_at IS NULL
                     AND (SELECT k.blocked_by FROM lapinq_key_now_1(q, b.key) AS k) IS NULL
                     AND NOT (q.start_order = 'strict_per_key'
                              AND b.key > ''
                              AND EXISTS (SELECT
                                            FROM open_keys o
                                           WHERE o.queue_name = b.queue_name
                                             AND o.key = b.key)) THEN 'closed'
           END AS problem
      FROM both_sides b
      LEFT JOIN lapinq_queues q ON q.name = b.queue_name
)
SELECT problem, queue_name, lane
  FROM judged j
 WHERE problem IS NOT NULL
   AND NOT EXISTS (SELECT
                     FROM told t
                    WHERE t.queue_name = j.queue_name
                      AND t.key = j.key
                      AND (t.key <> '' OR t.lane = j.lane))
 ORDER BY queue_name, lane
 LIMIT 100
