-- The queues in which tasks of a key wait for their turn or run, or started lately, by name, at most `limit`: how many wait,
-- counted up to `most_counted`, and run; what blocks the key and until when, as lapinq_key_now_1 tells; the task that holds
-- it; and the queue's rules for keys. Looks at `most_queues` queues, those of `queues` or (NULL) of all.
-- Locks nothing. Relies on lapinq_ready_lane, lapinq_running_key and lapinq_keys_pkey, three probes for each queue. Reads
-- lapinq_counts and the names of lapinq_queues.
WITH named AS MATERIALIZED (
    SELECT name
      FROM (SELECT queue_name AS name FROM lapinq_counts UNION SELECT name FROM lapinq_queues) AS known
     WHERE %(queues)s::text[] IS NULL
        OR name = ANY (%(queues)s::text[])
     ORDER BY name
     LIMIT greatest(0, %(most_queues)s::integer)
), places AS MATERIALIZED (
    -- By the indexes: EXISTS alone may read these tables whole.
    SELECT n.name
      FROM named n
     WHERE (SELECT true
              FROM lapinq_ready
             WHERE queue_name = n.name
               AND lane >= %(key)s::text
               AND lane < %(key)s::text || ' '
             ORDER BY queue_name, lane
             LIMIT 1) IS NOT NULL
        OR (SELECT true
              FROM lapinq_running
             WHERE queue_name = n.name
               AND split_part(lane, chr(31), 1) = %(key)s::text
               AND lane IS NOT NULL
             ORDER BY queue_name, split_part(lane, chr(31), 1)
             LIMIT 1) IS NOT NULL
        OR (SELECT true FROM lapinq_keys WHERE queue_name = n.name AND key = %(key)s::text LIMIT 1) IS NOT NULL
     ORDER BY n.name
     LIMIT greatest(0, %(limit)s::integer)
)
SELECT coalesce(json_agg(
           json_build_object(
               'queue', p.name,
               'waiting', least(waits.waiting, %(most_counted)s::integer),
               'waiting_is_capped', waits.waiting > %(most_counted)s::integer,
               'running',
               (SELECT count(*)
                  FROM lapinq_running
                 WHERE queue_name = p.name
                   AND split_part(lane, chr(31), 1) = %(key)s::text
                   AND lane IS NOT NULL),
               'blocked_by', CASE now.blocked_by WHEN 'key_order' THEN 'order'
                                                 WHEN 'key_full' THEN 'max_running_per_key'
                                                 WHEN 'key_rate' THEN 'rate_per_key' END,
               'until', CASE WHEN now.until < lapinq_until_woken() THEN now.until END,
               'holder', now.holder,
               'order', coalesce(q.start_order, 'priority'),
               'max_running_per_key', q.max_running_per_key,
               'rate_per_key', q.rate_per_key,
               'tokens', now.tokens,
               'weight', (q.weights ->> %(key)s::text)::float8,
               'is_paused', q.paused_at IS NOT NULL)
           ORDER BY p.name), '[]')::text
  FROM places p
  LEFT JOIN lapinq_queues q ON q.name = p.name
  LEFT JOIN LATERAL lapinq_key_now_1(q, %(key)s::text) AS now ON true
 CROSS JOIN LATERAL (
       SELECT count(*) AS waiting
         FROM (SELECT
                 FROM lapinq_ready
                WHERE queue_name = p.name
                  AND lane >= %(key)s::text
                  AND lane < %(key)s::text || ' '
                ORDER BY queue_name, lane
                LIMIT %(most_counted)s::integer + 1) AS counted) AS waits
