-- How many tasks were ready and running in `queues`, added up ('': in all together), in each span of `span` seconds, `points`
-- up to now, oldest first: start in seconds since 1970, ready, running. Both are NULL where nobody sampled, and ready where
-- too many tasks were delayed; a queue that had nothing has no row of its own.
-- Locks nothing. Relies on lapinq_levels_pkey.
WITH clock AS MATERIALIZED (
    SELECT make_interval(secs => %(span)s::integer) AS width,
           date_bin(make_interval(secs => %(span)s::integer), lapinq_now(), to_timestamp(0)) AS last
)
SELECT extract(epoch FROM p.at)::bigint,
       CASE WHEN a.ready IS NOT NULL THEN coalesce(l.ready, 0) ELSE l.ready END,
       CASE WHEN a.since IS NOT NULL THEN coalesce(l.running, 0) ELSE l.running END
  FROM clock c
 CROSS JOIN LATERAL generate_series(c.last - (%(points)s::integer - 1) * c.width, c.last, c.width) AS p (at)
  LEFT JOIN lapinq_levels a ON a.span = %(span)s::integer AND a.since = p.at AND a.queue_name = ''
 CROSS JOIN LATERAL (
       SELECT sum(ready)::bigint AS ready, sum(running)::bigint AS running
         FROM lapinq_levels
        WHERE span = %(span)s::integer
          AND since = p.at
          AND queue_name = ANY (%(queues)s::text[])) AS l
 ORDER BY p.at
