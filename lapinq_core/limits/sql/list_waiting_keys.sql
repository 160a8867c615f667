-- Keys of a queue that begin with `beginning`, at most `limit`: those of which tasks wait, with `also_running` also those of
-- which tasks only run, with `only_blocked` those of which no task may start now. In ascending order after the key `after`, it
-- looks at no more than `most` keys. With `by_age` the blocked ones whose first task is the oldest, after the task
-- `after_id`; it finds and counts at most `most_found` (lapinq_blocked_keys_1). `next` is where the next page begins, if
-- there may be more: a key or an id.
-- What blocks a key, and until when if that is known, lapinq_key_now_1 tells; `holder` is the task that holds the key.
-- `waiting` stops counting at `most_counted`. Locks nothing. Relies on lapinq_ready_lane, lapinq_running_key,
-- lapinq_attempts_earlier and primary keys, a few probes a key: keys can't contain characters below the space.
WITH RECURSIVE walked AS (
    SELECT 0 AS nth, ''::text COLLATE "C" AS key, greatest(%(after)s::text || ' ', %(beginning)s::text) COLLATE "C" AS lowest
     WHERE NOT %(by_age)s::boolean
    UNION ALL
    SELECT w.nth + 1, next.key, next.key || ' '
      FROM walked w
     CROSS JOIN LATERAL (
           SELECT min(found.key) AS key
             FROM ((SELECT split_part(lane, chr(31), 1) AS key
                      FROM lapinq_ready
                     WHERE queue_name = %(queue)s::text
                       AND lane >= w.lowest
                     ORDER BY queue_name, lane
                     LIMIT 1)
                   UNION ALL
                   (SELECT split_part(lane, chr(31), 1)
                      FROM lapinq_running
                     WHERE %(also_running)s::boolean
                       AND queue_name = %(queue)s::text
                       AND lane IS NOT NULL
                       AND split_part(lane, chr(31), 1) >= w.lowest
                     ORDER BY queue_name, split_part(lane, chr(31), 1)
                     LIMIT 1)) AS found) AS next
     WHERE w.nth < %(most)s::integer
       AND starts_with(next.key, %(beginning)s::text)
), aged AS MATERIALIZED (
    SELECT b.key COLLATE "C" AS key, b.front
      FROM lapinq_queues q
     CROSS JOIN LATERAL lapinq_blocked_keys_1(q, %(beginning)s::text, %(most_found)s::integer) AS b
     WHERE %(by_age)s::boolean
       AND q.name = %(queue)s::text
), chosen AS MATERIALIZED (
    SELECT key, NULL::uuid AS front FROM walked WHERE nth > 0
     UNION ALL
    (SELECT key, front
       FROM aged
      WHERE front > coalesce(%(after_id)s::uuid, '00000000-0000-0000-0000-000000000000')
      ORDER BY front
      LIMIT %(limit)s::integer)
), page AS MATERIALIZED (
    SELECT c.key, c.front, k.blocked_by, k.until, k.holder, k.running
      FROM chosen c
      LEFT JOIN lapinq_queues q ON q.name = %(queue)s::text
     CROSS JOIN LATERAL lapinq_key_now_1(q, c.key) AS k
     WHERE k.blocked_by IS NOT NULL
        OR NOT %(only_blocked)s::boolean
     LIMIT %(limit)s::integer
), told AS (
    SELECT p.*, waits.waiting, coalesce(head.id, first.id) AS head_id, held.id AS held_id, held.claimed_at
      FROM page p
     CROSS JOIN LATERAL (
           SELECT count(*) AS waiting
             FROM (SELECT
                     FROM lapinq_ready
                    WHERE queue_name = %(queue)s::text
                      AND lane >= p.key
                      AND lane < p.key || ' '
                    ORDER BY queue_name, lane
                    LIMIT %(most_counted)s::integer + 1) AS counted) AS waits
      LEFT JOIN LATERAL (
           SELECT r.id
             FROM lapinq_lanes l
            CROSS JOIN LATERAL (SELECT id, rank, seq
                                  FROM lapinq_ready
                                 WHERE queue_name = %(queue)s::text
                                   AND lane = l.lane
                                   AND (l.head IS NULL OR id = l.head)
                                 ORDER BY queue_name, lane, rank, seq
                                 LIMIT 1) AS r
            WHERE l.queue_name = %(queue)s::text
              AND l.lane >= p.key
              AND l.lane < p.key || ' '
            ORDER BY r.rank, r.seq
            LIMIT 1) AS head ON true
      LEFT JOIN LATERAL (
           -- of a lane that no claim has looked at
           SELECT id
             FROM lapinq_ready
            WHERE queue_name = %(queue)s::text
              AND lane >= p.key
              AND lane < p.key || ' '
            ORDER BY queue_name, lane, rank, seq
            LIMIT 1) AS first ON true
      LEFT JOIN LATERAL (
           SELECT r.id, r.claimed_at
             FROM lapinq_running r
            WHERE r.queue_name = %(queue)s::text
              AND split_part(r.lane, chr(31), 1) = p.key
              AND r.lane IS NOT NULL
              AND p.blocked_by IN ('key_order', 'key_full')
            ORDER BY r.claimed_at, r.id
            LIMIT 1) AS held ON true
)
SELECT json_build_object(
           'keys',
           coalesce((SELECT json_agg(
                                json_build_object(
                                    'key', t.key,
                                    'waiting', least(t.waiting, %(most_counted)s::integer),
                                    'waiting_is_capped', t.waiting > %(most_counted)s::integer,
                                    'running', t.running,
                                    'blocked_by', CASE t.blocked_by WHEN 'key_order' THEN 'order'
                                                                    WHEN 'key_full' THEN 'max_running_per_key'
                                                                    WHEN 'key_rate' THEN 'rate_per_key' END,
                                    'until', CASE WHEN t.until < lapinq_until_woken() THEN t.until END,
                                    'holder',
                                    (SELECT json_build_object('task_id', h.id, 'task_name', h.task_name,
                                                              'started_at', t.claimed_at,
                                                              'enqueued_at', h.created_at,
                                                              'error', (SELECT left(split_part(a.error, E'\n', 1), 300)
                                                                          FROM lapinq_attempts a
                                                                         WHERE a.task_id = h.id
                                                                           AND NOT a.final
                                                                           AND NOT starts_with(a.error, 'suspended: ')
                                                                         ORDER BY a.task_id, a.finished_at DESC
                                                                         LIMIT 1))
                                       FROM lapinq_tasks h
                                      WHERE h.id = coalesce(t.held_id, t.holder)),
                                    'head',
                                    (SELECT json_build_object('task_id', h.id, 'task_name', h.task_name,
                                                              'enqueued_at', h.created_at)
                                       FROM lapinq_tasks h
                                      WHERE h.id = t.head_id))
                                ORDER BY t.front, t.key)
                       FROM told t), '[]'),
           'next',
           CASE WHEN %(by_age)s::boolean AND (SELECT count(*) FROM chosen) >= %(limit)s::integer
                THEN (SELECT front::text FROM chosen ORDER BY front DESC LIMIT 1)
                WHEN %(by_age)s::boolean THEN NULL
                WHEN (SELECT count(*) FROM page) >= %(limit)s::integer THEN (SELECT max(key) FROM page)
                ELSE (SELECT key FROM walked WHERE nth = %(most)s::integer) END,
           'found', CASE WHEN %(by_age)s::boolean THEN (SELECT count(*) FROM aged) END,
           'max_running_per_key', (SELECT max_running_per_key FROM lapinq_queues WHERE name = %(queue)s::text))::text
