-- Forgets those of the given lanes and keys of a queue that nobody has used since find_idle.sql found them idle.
-- Each is looked up by itself: with outdated statistics a list would be compared with every lane of the queue. For BETWEEN a
-- lane and itself see lapinq_look_at_lanes_1.
-- Locks the rows that it deletes; the caller holds the lock of the queue's row. Relies on the primary keys and lapinq_ready_lane.
WITH empty AS (
    DELETE FROM lapinq_lanes
     WHERE ctid = ANY (ARRAY(SELECT l.row_id
                               FROM unnest(%(lanes)s::text[]) AS idle (lane)
                              CROSS JOIN LATERAL (
                                    SELECT ctid AS row_id
                                      FROM lapinq_lanes
                                     WHERE queue_name = %(queue)s::text
                                       AND lane = idle.lane
                                       AND NOT is_open
                                       AND opens_at IS NULL
                                       AND changed_at < lapinq_now() - interval '1 hour'
                                     LIMIT 1) AS l
                              WHERE (SELECT id
                                       FROM lapinq_ready
                                      WHERE queue_name = %(queue)s::text
                                        AND lane BETWEEN idle.lane AND idle.lane
                                      ORDER BY queue_name, lane, rank, seq
                                      LIMIT 1) IS NULL))
)
DELETE FROM lapinq_keys
 WHERE ctid = ANY (ARRAY(SELECT k.row_id
                           FROM unnest(%(keys)s::text[]) AS idle (key)
                          CROSS JOIN LATERAL (
                                SELECT ctid AS row_id, holder
                                  FROM lapinq_keys
                                 WHERE queue_name = %(queue)s::text
                                   AND key = idle.key
                                   AND changed_at < lapinq_now() - interval '1 hour'
                                 LIMIT 1) AS k
                          WHERE (SELECT id FROM lapinq_ready WHERE id = k.holder LIMIT 1) IS NULL
                            AND (SELECT id FROM lapinq_delayed WHERE id = k.holder LIMIT 1) IS NULL
                            AND (SELECT id FROM lapinq_running WHERE id = k.holder LIMIT 1) IS NULL))
