-- Locks the named limits that open lanes of a queue use, in order of name, and adds to them what tasks said since: units
-- given back or taken, and until when a limit is closed.
-- The caller holds the lock of the queue's row. A row that another claim has changed meanwhile is read as it is now: only the
-- clock of this statement may be older. Relies on lapinq_lanes_open and the primary keys.
WITH RECURSIVE sets AS (
    (SELECT names
       FROM lapinq_lanes
      WHERE queue_name = %(queue)s::text
        AND is_open
        AND names > ''
      ORDER BY queue_name, names
      LIMIT 1)
    UNION ALL
    SELECT next.names
      FROM sets
     CROSS JOIN LATERAL (
           SELECT l.names
             FROM lapinq_lanes l
            WHERE l.queue_name = %(queue)s::text
              AND l.is_open
              AND l.names > sets.names
            ORDER BY l.queue_name, l.names
            LIMIT 1) AS next
), locked AS MATERIALIZED (
    SELECT name
      FROM lapinq_limits
     WHERE name = ANY (ARRAY(SELECT unnest(string_to_array(names, ',')) FROM sets))
     ORDER BY name
       FOR NO KEY UPDATE
), news AS MATERIALIZED (
    DELETE FROM lapinq_limit_news
     WHERE ctid = ANY (ARRAY(SELECT n.ctid
                               FROM locked
                              CROSS JOIN LATERAL (SELECT ctid
                                                    FROM lapinq_limit_news
                                                   WHERE limit_name = locked.name
                                                   ORDER BY limit_name, seq
                                                   LIMIT 1000) AS n))
    RETURNING limit_name, units, closed_until
)
UPDATE lapinq_limits l
   SET tokens = coalesce(l.tokens, (l.rate ->> 'burst')::float8) + n.units,
       closed_until = greatest(l.closed_until, n.closed_until)
  FROM (SELECT limit_name, sum(units) AS units, max(closed_until) AS closed_until
          FROM news
         GROUP BY limit_name) AS n
 WHERE l.name = n.limit_name
