-- Asks for another look at closed lanes that wait for a time and take from a limit, which has changed or gone: tasks that needed
-- more than it ever had may start now.
-- Locks nothing. Relies on lapinq_lanes_opens_at, which has no other lanes.
INSERT INTO lapinq_lane_news (queue_name, lanes)
SELECT queue_name, array_agg(lane)
  FROM (SELECT queue_name, lane, (row_number() OVER (PARTITION BY queue_name ORDER BY lane) - 1) / 500 AS part
          FROM lapinq_lanes
         WHERE opens_at IS NOT NULL
           AND %(name)s::text = ANY (string_to_array(names, ','))) AS parts
 GROUP BY queue_name, part
