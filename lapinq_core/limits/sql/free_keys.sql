-- Frees the keys of a queue in strict order that these tasks hold while they wait for a retry: the next task of each may start.
-- Returns how many.
-- Locks the keys' rows; the caller has locked the queue's. Relies on the primary keys of lapinq_keys, lapinq_delayed and
-- lapinq_lanes.
WITH freed AS (
    UPDATE lapinq_keys k
       SET holder = NULL
      FROM unnest(%(ids)s::uuid[]) AS given (id)
     CROSS JOIN LATERAL (
           SELECT split_part(x.lane, chr(31), 1) AS key
             FROM lapinq_delayed x
            WHERE x.id = given.id
            LIMIT 1) AS d
     CROSS JOIN LATERAL (
           SELECT x.ctid AS row_id
             FROM lapinq_keys x
            WHERE x.queue_name = %(queue)s::text
              AND x.key = d.key -- a replaced task may have another
              AND x.holder = given.id
            LIMIT 1) AS held
     WHERE k.ctid = held.row_id
    RETURNING k.key
), told AS (
    INSERT INTO lapinq_lane_news (queue_name, lanes)
    SELECT %(queue)s::text, array_agg(of_key.lane)
      FROM freed f
     CROSS JOIN LATERAL (
           SELECT l.lane
             FROM lapinq_lanes l
            WHERE l.queue_name = %(queue)s::text
              AND l.lane >= f.key
              AND l.lane < f.key || ' '
            ORDER BY l.queue_name, l.lane
            LIMIT 1000) AS of_key
    HAVING count(*) > 0
)
SELECT count(*) FROM freed
