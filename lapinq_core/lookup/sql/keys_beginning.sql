-- Keys that begin with `text`, of tasks that wait for their turn or run, or whose tasks started lately: at most `limit`, the
-- shortest first, each with its queues. Looks at `most_queues` queues, those of `queues` or (NULL) of all.
-- Locks nothing. Relies on lapinq_ready_lane, lapinq_running_key and lapinq_keys_pkey, three probes for each queue and each
-- key that it finds: keys can't contain characters below the space. Reads lapinq_counts and the names of lapinq_queues.
WITH RECURSIVE named AS MATERIALIZED (
    SELECT name
      FROM (SELECT queue_name AS name FROM lapinq_counts UNION SELECT name FROM lapinq_queues) AS known
     WHERE %(queues)s::text[] IS NULL
        OR name = ANY (%(queues)s::text[])
     ORDER BY name
     LIMIT greatest(0, %(most_queues)s::integer)
), walked AS (
    SELECT name AS queue_name, 0 AS nth, NULL::text COLLATE "C" AS key, %(text)s::text COLLATE "C" AS bound
      FROM named
    UNION ALL
    SELECT w.queue_name, w.nth + 1, next.key, next.key || ' '
      FROM walked w
     CROSS JOIN LATERAL (
           SELECT min(found.key) AS key
             FROM ((SELECT split_part(lane, chr(31), 1) AS key
                      FROM lapinq_ready
                     WHERE queue_name = w.queue_name
                       AND lane >= w.bound
                     ORDER BY queue_name, lane
                     LIMIT 1)
                   UNION ALL
                   (SELECT split_part(lane, chr(31), 1)
                      FROM lapinq_running
                     WHERE queue_name = w.queue_name
                       AND lane IS NOT NULL
                       AND split_part(lane, chr(31), 1) >= w.bound
                     ORDER BY queue_name, split_part(lane, chr(31), 1)
                     LIMIT 1)
                   UNION ALL
                   (SELECT key
                      FROM lapinq_keys
                     WHERE queue_name = w.queue_name
                       AND key >= w.bound
                     ORDER BY queue_name, key
                     LIMIT 1)) AS found) AS next
     WHERE w.nth < %(limit)s::integer
       AND starts_with(next.key, %(text)s::text)
)
SELECT key, array_agg(queue_name ORDER BY queue_name)
  FROM walked
 WHERE nth > 0
 GROUP BY key
 ORDER BY length(key), key
 LIMIT greatest(0, %(limit)s::integer)
