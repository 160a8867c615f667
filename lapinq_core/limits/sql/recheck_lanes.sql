-- Asks for another look at lanes that are closed although tasks wait in them: 1,000 that nothing has changed for a minute,
-- after the lane given. Claims close and open lanes by what they are told; a process of the previous release tells them
-- nothing. Adds nothing to a hundred news of a queue: who claims from it, if anybody does, hasn't read those yet.
-- Returns the last lane it read, NULL at the end. Locks nothing. Relies on the primary key and lapinq_ready_lane.
WITH read AS MATERIALIZED (
    SELECT queue_name, lane, is_open, opens_at, changed_at
      FROM lapinq_lanes
     WHERE (queue_name, lane) > (%(queue)s::text, %(lane)s::text)
     ORDER BY queue_name, lane
     LIMIT 1000
), told_lanes AS (
    INSERT INTO lapinq_lane_news (queue_name, lanes)
    SELECT queue_name, array_agg(lane)
      FROM read
     CROSS JOIN LATERAL (
           SELECT
             FROM lapinq_ready r
            WHERE r.queue_name = read.queue_name
              AND r.lane = read.lane
            ORDER BY r.queue_name, r.lane, r.rank, r.seq
            LIMIT 1) AS waiting
     WHERE NOT is_open
       AND opens_at IS NULL
       AND changed_at < lapinq_now() - interval '1 minute'
     GROUP BY queue_name
    HAVING (SELECT count(*)
              FROM (SELECT
                      FROM lapinq_lane_news n
                     WHERE n.queue_name = read.queue_name
                     ORDER BY n.queue_name, n.seq
                     LIMIT 100) AS unread) < 100
)
SELECT queue_name, lane
  FROM (SELECT queue_name, lane, count(*) OVER () AS lanes FROM read) AS last
 WHERE lanes = 1000
 ORDER BY queue_name DESC, lane DESC
 LIMIT 1
