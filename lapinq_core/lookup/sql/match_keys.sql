-- Keys that begin with `text`, of tasks that are ready or run and of those that limits remember, in `queues` or in all (NULL),
-- ascending, at most `limit`: key, its first queue, in how many more queues it is.
-- Walks from key to key in each queue. Locks nothing. Reads lapinq_counts whole, which is small; relies on
-- lapinq_ready_lane, lapinq_running_key and lapinq_keys_pkey, three probes a key and queue: keys can't contain characters
-- below the space.
WITH RECURSIVE among AS MATERIALIZED (
    SELECT queue_name
      FROM lapinq_counts
     WHERE %(queues)s::text[] IS NULL
        OR queue_name = ANY (%(queues)s::text[])
     GROUP BY queue_name
), walked AS (
    SELECT queue_name, 0 AS nth, %(text)s::text COLLATE "C" AS start, NULL::text COLLATE "C" AS key
      FROM among
    UNION ALL
    SELECT w.queue_name, w.nth + 1, next.key || ' ', next.key
      FROM walked w
     CROSS JOIN LATERAL (
           SELECT min(found.key) AS key
             FROM ((SELECT split_part(lane, chr(31), 1) AS key
                      FROM lapinq_ready
                     WHERE queue_name = w.queue_name
                       AND lane >= w.start
                     ORDER BY queue_name, lane
                     LIMIT 1)
                   UNION ALL
                   (SELECT split_part(lane, chr(31), 1)
                      FROM lapinq_running
                     WHERE queue_name = w.queue_name
                       AND lane IS NOT NULL
                       AND split_part(lane, chr(31), 1) >= w.start
                     ORDER BY queue_name, split_part(lane, chr(31), 1)
                     LIMIT 1)
                   UNION ALL
                   (SELECT key
                      FROM lapinq_keys
                     WHERE queue_name = w.queue_name
                       AND key >= w.start
                     ORDER BY queue_name, key
                     LIMIT 1)) AS found) AS next
     WHERE w.nth < %(limit)s::integer
       AND starts_with(next.key, %(text)s::text)
)
SELECT key, min(queue_name), count(*)::integer - 1
  FROM walked
 WHERE key IS NOT NULL
 GROUP BY key
 ORDER BY key
 LIMIT %(limit)s::integer
