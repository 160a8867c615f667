-- What happened at each of `points` points in time, `width` seconds apart: one row per point, oldest first. Columns:
-- start in seconds since 1970, seconds covered, sums of completed, failed and retried, and the buckets that are not
-- empty, in any order: their places from 1 on, run times and wait times in each; NULL if there are none. `queues` are
-- added up; '' is all queues together.
-- The series ends with the last complete 10 s. Complete spans of `span` seconds are read from their rows, the rest from
-- rows of 10 s. Locks nothing. Relies on lapinq_rollups_queue.
WITH clock AS MATERIALIZED (
    SELECT until, width, span_ends,
           date_bin(width, until - interval '10 seconds', to_timestamp(0)) AS last,
           date_bin(width, until - interval '10 seconds', to_timestamp(0))
               - (%(points)s::integer - 1) * width AS first
      FROM (SELECT date_bin('10 seconds', lapinq_now(), to_timestamp(0)) AS until,
                   date_bin(make_interval(secs => %(span)s::integer), lapinq_now(), to_timestamp(0)) AS span_ends,
                   make_interval(secs => %(width)s::integer) AS width) AS ends
), seen AS MATERIALIZED (
    SELECT date_bin(c.width, r.since, to_timestamp(0)) AS at, r.completed, r.failed, r.retried, r.runs, r.waits
      FROM clock c
     CROSS JOIN LATERAL (
           SELECT *
             FROM lapinq_rollups
            WHERE span = %(span)s::integer
              AND since >= c.first
              AND since < c.span_ends
              AND queue_name = ANY (%(queues)s::text[])
           UNION ALL
           SELECT *
             FROM lapinq_rollups
            WHERE span = 10
              AND since >= c.span_ends
              AND since < c.until
              AND queue_name = ANY (%(queues)s::text[])) AS r
), sums AS (
    SELECT at, sum(completed) AS completed, sum(failed) AS failed, sum(retried) AS retried
      FROM seen
     GROUP BY at
), buckets AS (
    SELECT at, place, sum(run)::bigint AS run, sum(wait)::bigint AS wait
      FROM seen
     CROSS JOIN LATERAL unnest(runs, waits) WITH ORDINALITY AS u (run, wait, place)
     WHERE run > 0
        OR wait > 0
     GROUP BY at, place
), histograms AS (
    SELECT at,
           array_agg(place) AS places,
           array_agg(coalesce(run, 0)) AS runs,
           array_agg(coalesce(wait, 0)) AS waits
      FROM buckets
     GROUP BY at
)
SELECT extract(epoch FROM p.at)::bigint, extract(epoch FROM least(c.until - p.at, c.width))::integer,
       coalesce(s.completed, 0)::bigint, coalesce(s.failed, 0)::bigint, coalesce(s.retried, 0)::bigint, h.places,
       h.runs, h.waits
  FROM clock c
 CROSS JOIN LATERAL generate_series(c.first, c.last, c.width) AS p (at)
  LEFT JOIN sums s ON s.at = p.at
  LEFT JOIN histograms h ON h.at = p.at
 ORDER BY p.at
