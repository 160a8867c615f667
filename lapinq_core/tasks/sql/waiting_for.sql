-- For task_objects.sql: what blocks a pending task `d`, as far as its own rows tell, as a JSON object; NULL if nothing does
-- but its turn. `retry` and `schedule`: it is delayed; `paused`: its queue is; `breaker`: that of its task name, or of its
-- queue, is open; `key`: what its key may run or start, or, in
-- strict order, an earlier task of the key; `limit`: the named limit; `queue`: what its queue may run or start. The order is
-- that of why_not_running.py, which says more.
-- Locks nothing. Relies on the primary keys, lapinq_ready_lane and lapinq_running_key.
SELECT json_build_object('kind', kind, 'name', CASE kind WHEN 'limit' THEN name WHEN 'breaker' THEN stopped_name END)
  FROM (SELECT CASE WHEN delayed.due_at > lapinq_now() AND delayed.parked_for IS NULL
                    THEN CASE WHEN delayed.starts > 0 THEN 'retry' ELSE 'schedule' END
                    WHEN q.paused_at IS NOT NULL THEN 'paused'
                    WHEN name_stops OR delayed.id IS NULL AND d.queue_name = ANY (ARRAY(SELECT queue_name FROM stopped))
                    THEN 'breaker'
                    WHEN q.is_governed IS NOT TRUE AND ready.lane IS NULL OR delayed.id IS NOT NULL THEN NULL
                    WHEN ready.key > ''
                         AND (least(q.max_running_per_key, CASE WHEN q.start_order = 'strict_per_key' THEN 1 END)
                              <= (SELECT count(*)
                                    FROM lapinq_running r
                                   WHERE r.queue_name = q.name
                                     AND split_part(r.lane, chr(31), 1) = ready.key
                                     AND r.lane IS NOT NULL)
                              OR (SELECT lapinq_tokens(q.rate_per_key, k.tokens, k.tokens_at) < 1
                                         OR q.start_order = 'strict_per_key'
                                            AND k.holder <> d.id
                                            AND EXISTS (SELECT
                                                          FROM (SELECT id, lane FROM lapinq_delayed
                                                                UNION ALL
                                                                SELECT id, lane FROM lapinq_ready) AS waiting
                                                         WHERE id = k.holder
                                                           AND split_part(lane, chr(31), 1) = k.key)
                                    FROM lapinq_keys k
                                   WHERE k.queue_name = q.name
                                     AND k.key = ready.key)
                              OR q.start_order = 'strict_per_key'
                                 AND coalesce((SELECT l.head <> d.id
                                                 FROM lapinq_lanes l
                                                WHERE l.queue_name = q.name
                                                  AND l.lane = ready.lane
                                                  AND l.head IS NOT NULL),
                                              EXISTS (SELECT
                                                        FROM lapinq_ready w
                                                       WHERE w.queue_name = q.name
                                                         AND w.lane = ready.lane
                                                         AND (w.rank, w.seq) < (ready.rank, ready.seq))))
                    THEN 'key'
                    WHEN limited.name IS NOT NULL THEN 'limit'
                    WHEN lapinq_tokens(q.rate, q.tokens, q.tokens_at) < 1
                         OR q.name = ANY (ARRAY(SELECT queue_name FROM full_queues))
                    THEN 'queue'
               END AS kind,
               limited.name,
               CASE WHEN name_stops THEN d.task_name END AS stopped_name
          FROM (SELECT 1) AS one
          LEFT JOIN (SELECT id, due_at, starts, parked_for FROM lapinq_delayed) AS delayed ON delayed.id = d.id
         CROSS JOIN LATERAL (
               SELECT delayed.parked_for IS NOT NULL
                      OR delayed.id IS NULL AND d.task_name = ANY (ARRAY(SELECT task_name FROM stopped)) AS name_stops)
                    AS of_name
          LEFT JOIN (SELECT id, rank, seq, lane, units, split_part(lane, chr(31), 1) AS key,
                            split_part(lane, chr(31), 2) AS names
                       FROM lapinq_ready) AS ready ON ready.id = d.id
          LEFT JOIN lapinq_queues q ON q.name = d.queue_name
          LEFT JOIN LATERAL (
               SELECT min(l.name) AS name
                 FROM unnest(string_to_array(nullif(ready.names, ''), ','), ready.units) AS need (name, units)
                 JOIN limits l ON l.name = need.name
                WHERE l.is_closed
                   OR l.places < 1
                   OR l.tokens < greatest(need.units, 1)) AS limited ON ready.names > ''
         WHERE d.status = 'pending') AS block
 WHERE kind IS NOT NULL
