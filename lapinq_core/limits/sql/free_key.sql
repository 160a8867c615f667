-- Frees a key of a queue in strict order: its next task may start though the one that started last waits for a retry.
-- Returns that one's id; no row if none holds the key, or if it runs.
-- Locks the key's row; the caller has locked the queue's. Relies on the primary keys of lapinq_keys, lapinq_delayed and
-- lapinq_lanes.
WITH freed AS (
    UPDATE lapinq_keys k
       SET holder = NULL
      FROM lapinq_delayed d
     WHERE k.queue_name = %(queue)s::text
       AND k.key = %(key)s::text
       AND d.id = k.holder
       AND split_part(d.lane, chr(31), 1) = k.key -- a replaced task may have another key
    RETURNING d.id
), told AS (
    INSERT INTO lapinq_lane_news (queue_name, lanes)
    SELECT %(queue)s::text, array_agg(lane)
      FROM (SELECT lane
              FROM lapinq_lanes
             WHERE queue_name = %(queue)s::text
               AND lane >= %(key)s::text
               AND lane < %(key)s::text || ' '
             ORDER BY queue_name, lane
             LIMIT 1000) AS of_key
     WHERE EXISTS (SELECT FROM freed)
    HAVING count(*) > 0
)
SELECT id::text
  FROM freed
