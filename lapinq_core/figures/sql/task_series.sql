-- As series.sql, for the tasks of a name, in `queues` or in all (NULL). The series ends with the last complete minute but
-- one, as workers report every 10 s; its last minutes are read from rows of 60 s.
-- Locks nothing. Relies on lapinq_task_rollups_task.
WITH clock AS MATERIALIZED (
    SELECT until, width, span_ends,
           date_bin(width, until - interval '1 minute', to_timestamp(0)) AS last,
           date_bin(width, until - interval '1 minute', to_timestamp(0))
               - (%(points)s::integer - 1) * width AS first
      FROM (SELECT date_bin('1 minute', lapinq_now() - interval '20 seconds', to_timestamp(0)) AS until,
                   date_bin(make_interval(secs => %(span)s::integer), lapinq_now() - interval '20 seconds',
                            to_timestamp(0)) AS span_ends,
                   make_interval(secs => %(width)s::integer) AS width) AS ends
), seen AS MATERIALIZED (
    SELECT date_bin(c.width, r.since, to_timestamp(0)) AS at, r.completed, r.failed, r.retried, r.runs
      FROM clock c
     CROSS JOIN LATERAL (
           SELECT *
             FROM lapinq_task_rollups
            WHERE span = %(span)s::integer
              AND since >= c.first
              AND since < c.span_ends
              AND task_name = %(task_name)s::text
           UNION ALL
           SELECT *
             FROM lapinq_task_rollups
            WHERE span = 60
              AND since >= c.span_ends
              AND since < c.until
              AND task_name = %(task_name)s::text) AS r
     WHERE %(queues)s::text[] IS NULL
        OR r.queue_name = ANY (%(queues)s::text[])
), sums AS (
    SELECT at, sum(completed) AS completed, sum(failed) AS failed, sum(retried) AS retried
      FROM seen
     GROUP BY at
), buckets AS (
    SELECT at, place, sum(run)::bigint AS run
      FROM seen
     CROSS JOIN LATERAL unnest(runs) WITH ORDINALITY AS u (run, place)
     WHERE run > 0
     GROUP BY at, place
), histograms AS (
    SELECT at, array_agg(place) AS places, array_agg(run) AS runs
      FROM buckets
     GROUP BY at
)
SELECT extract(epoch FROM p.at)::bigint, extract(epoch FROM least(c.until - p.at, c.width))::integer,
       coalesce(s.completed, 0)::bigint, coalesce(s.failed, 0)::bigint, coalesce(s.retried, 0)::bigint, h.places,
       h.runs, NULL
  FROM clock c
 CROSS JOIN LATERAL generate_series(c.first, c.last, c.width) AS p (at)
  LEFT JOIN sums s ON s.at = p.at
  LEFT JOIN histograms h ON h.at = p.at
 ORDER BY p.at
