-- How many tasks of its key are ahead of one that waits in a lane, at most `most` in each part. Without a key only its own
-- lane counts. In strict order the tasks of a key follow their entry alone, else their
-- rank first.
-- Goes through the parts of the key's lanes that have one rank each; of a key's lanes it looks at a hundred.
-- Locks nothing. Relies on lapinq_ready_lane and lapinq_lanes_pkey.
WITH RECURSIVE lanes AS MATERIALIZED (
    SELECT %(lane)s::text COLLATE "C" AS lane
     UNION
    SELECT %(key)s::text COLLATE "C"
     WHERE %(key)s::text <> ''
     UNION
    (SELECT lane
       FROM lapinq_lanes
      WHERE %(key)s::text <> ''
        AND queue_name = %(queue)s::text
        AND lane >= %(key)s::text || chr(31)
        AND lane < %(key)s::text || ' '
      ORDER BY queue_name, lane
      LIMIT 100)
), parts AS (
    SELECT l.lane, first.rank
      FROM lanes l
     CROSS JOIN LATERAL (
           SELECT rank
             FROM lapinq_ready
            WHERE queue_name = %(queue)s::text
              AND lane = l.lane
            ORDER BY queue_name, lane, rank, seq
            LIMIT 1) AS first
    UNION ALL
    SELECT p.lane, next.rank
      FROM parts p
     CROSS JOIN LATERAL (
           SELECT r.rank
             FROM lapinq_ready r
            WHERE r.queue_name = %(queue)s::text
              AND r.lane = p.lane
              AND r.rank > p.rank
            ORDER BY r.queue_name, r.lane, r.rank, r.seq
            LIMIT 1) AS next
)
SELECT least(sum(ahead.tasks), %(most)s::integer)::integer
  FROM parts p
 CROSS JOIN LATERAL (
       SELECT count(*) AS tasks
         FROM (SELECT
                 FROM lapinq_ready
                WHERE queue_name = %(queue)s::text
                  AND lane = p.lane
                  AND rank = p.rank
                  AND seq < CASE WHEN %(is_strict)s::boolean OR p.rank = %(rank)s::bigint THEN %(seq)s::bigint
                                 ELSE 9223372036854775807 END
                ORDER BY queue_name, lane, rank, seq
                LIMIT %(most)s::integer) AS few) AS ahead
 WHERE %(is_strict)s::boolean
    OR p.rank <= %(rank)s::bigint
