-- What each of `queues` completed or failed for good in each of `points` spans of `width` seconds, up to the last
-- complete minute: queue, place of the point (0 is the oldest), sum. Points without any are left out.
-- Locks nothing. Reads rows of minutes. Relies on lapinq_rollups_queue.
SELECT r.queue_name,
       %(points)s::integer - 1 - div(extract(epoch FROM c.until - r.since)::integer - 60, %(width)s::integer)::integer
           AS place,
       sum(r.completed + r.failed)::bigint
  FROM (SELECT date_bin('1 minute', lapinq_now(), to_timestamp(0)) AS until) AS c
 CROSS JOIN unnest(%(queues)s::text[]) AS q (name)
 CROSS JOIN LATERAL (
       SELECT queue_name, since, completed, failed
         FROM lapinq_rollups
        WHERE span = 60
          AND queue_name = q.name
          AND since >= c.until - make_interval(secs => %(points)s::integer * %(width)s::integer)
          AND since < c.until) AS r
 GROUP BY r.queue_name, place
