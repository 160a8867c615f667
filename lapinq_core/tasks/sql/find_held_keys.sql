-- The blocked keys of a queue that begin with `beginning`, or those of `keys` (NULL is all), of the `most` oldest: the keys that
-- are held by tasks that wait, with these tasks, the oldest first; how many are not; and what `told` of the first are about.
-- Locks nothing. Relies on lapinq_blocked_keys_1, lapinq_steps_open, lapinq_attempts_earlier, lapinq_ready_lane and primary keys.
WITH found AS MATERIALIZED (
    -- What is suspended waits for a signal or a task, not for a retry.
    SELECT b.key, b.front,
           b.is_held
           AND NOT (EXISTS (SELECT FROM lapinq_steps s WHERE s.task_id = b.front AND s.ended_at IS NULL OFFSET 0)
                    AND EXISTS (SELECT
                                  FROM lapinq_delayed d
                                 CROSS JOIN LATERAL lapinq_waits_1(d.id, d.starts)
                                 WHERE d.id = b.front
                                OFFSET 0)) AS is_held
      FROM lapinq_queues q
     CROSS JOIN LATERAL lapinq_blocked_keys_1(q, %(beginning)s::text, %(most)s::integer) AS b
     WHERE q.name = %(queue)s::text
       AND (%(keys)s::text[] IS NULL OR b.key = ANY (%(keys)s::text[]))
), held AS (
    SELECT key, front FROM found WHERE is_held
), first AS (
    SELECT h.key, h.front, t.task_name, n.id AS next_id, n.task_name AS next_name, n.created_at AS next_at,
           (SELECT left(split_part(a.error, E'\n', 1), 300)
              FROM lapinq_attempts a
             WHERE a.task_id = h.front
               AND NOT a.final
               AND NOT starts_with(a.error, 'suspended: ')
             ORDER BY a.task_id, a.finished_at DESC
             LIMIT 1) AS error
      FROM (SELECT key, front FROM held ORDER BY front LIMIT greatest(0, %(told)s::integer)) AS h
      JOIN lapinq_tasks t ON t.id = h.front
     CROSS JOIN LATERAL (
           SELECT r.id
             FROM lapinq_head_of_key_1(%(queue)s::text, h.key, NULL) AS r
            LIMIT 1) AS head
      JOIN lapinq_tasks n ON n.id = head.id
)
SELECT json_build_object(
           'is_strict', EXISTS (SELECT FROM lapinq_queues WHERE name = %(queue)s::text AND start_order = 'strict_per_key'),
           'ids', coalesce((SELECT json_agg(front ORDER BY front) FROM held), '[]'),
           'others', (SELECT count(*) FROM found WHERE NOT is_held),
           'first',
           coalesce((SELECT json_agg(json_build_object('key', key, 'task_id', front, 'task_name', task_name, 'error', error,
                                                       'next_task', json_build_object('task_id', next_id,
                                                                                      'task_name', next_name,
                                                                                      'enqueued_at', next_at))
                                     ORDER BY front)
                       FROM first), '[]'))::text
