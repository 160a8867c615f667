-- What the busiest queues completed at points in time `width` seconds apart, from `first` until `until` (seconds since
-- 1970): rows of a queue, a point and a sum, without zeros. The `most` queues that completed most are listed, the
-- busiest first; the rest is summed under the name NULL, and comes last. Reads rows of `span` seconds, and rows of 10 s
-- where such a span is not complete. Locks nothing. Relies on lapinq_rollups_since.
WITH clock AS MATERIALIZED (
    SELECT to_timestamp(%(first)s::bigint) AS first, to_timestamp(%(until)s::bigint) AS until,
           date_bin(make_interval(secs => %(span)s::integer), to_timestamp(%(until)s::bigint), to_timestamp(0))
               AS span_ends,
           make_interval(secs => %(width)s::integer) AS width
), sums AS MATERIALIZED (
    SELECT r.queue_name, date_bin(c.width, r.since, to_timestamp(0)) AS at, sum(r.completed) AS completed
      FROM clock c
     CROSS JOIN LATERAL (
           SELECT queue_name, since, completed
             FROM lapinq_rollups
            WHERE span = %(span)s::integer
              AND since >= c.first
              AND since < c.span_ends
           UNION ALL
           SELECT queue_name, since, completed
             FROM lapinq_rollups
            WHERE span = 10
              AND since >= c.span_ends
              AND since < c.until) AS r
     WHERE r.queue_name <> ''
       AND r.completed > 0
     GROUP BY r.queue_name, date_bin(c.width, r.since, to_timestamp(0))
), placed AS (
    SELECT queue_name, least(row_number() OVER (ORDER BY sum(completed) DESC, queue_name),
                             %(most)s::integer + 1) AS place
      FROM sums
     GROUP BY queue_name
)
SELECT CASE WHEN place <= %(most)s::integer THEN min(queue_name) END AS named, extract(epoch FROM at)::bigint,
       sum(completed)::bigint
  FROM sums
  JOIN placed USING (queue_name)
 GROUP BY place, at
 ORDER BY place, at
