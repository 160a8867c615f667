-- What happened in each queue in the last `minutes`, up to the last complete 10 s: queue, sums of started, completed,
-- failed and retried; of `queues`, or of all (NULL), where all together are a row named ''. A row named '' has the
-- histograms of run and wait times of all these queues together, NULL if there are none; with `queues`, its sums are NULL.
-- Complete minutes are read from their rows, both ends from rows of 10 s. Locks nothing. Relies on lapinq_rollups_since.
WITH clock AS MATERIALIZED (
    SELECT since, until,
           date_bin('1 minute', since + interval '50 seconds', to_timestamp(0)) AS minutes_begin,
           date_bin('1 minute', until, to_timestamp(0)) AS minutes_end
      FROM (SELECT date_bin('10 seconds', lapinq_now(), to_timestamp(0))
                       - make_interval(mins => %(minutes)s::integer) AS since,
                   date_bin('10 seconds', lapinq_now(), to_timestamp(0)) AS until) AS ends
), seen AS MATERIALIZED (
    SELECT r.queue_name, r.started, r.completed, r.failed, r.retried, r.runs, r.waits
      FROM clock c
     CROSS JOIN LATERAL (
           SELECT *
             FROM lapinq_rollups
            WHERE span = 10
              AND since >= c.since
              AND since < c.minutes_begin
           UNION ALL
           SELECT *
             FROM lapinq_rollups
            WHERE span = 60
              AND since >= c.minutes_begin
              AND since < c.minutes_end
           UNION ALL
           SELECT *
             FROM lapinq_rollups
            WHERE span = 10
              AND since >= c.minutes_end
              AND since < c.until) AS r
     WHERE %(queues)s::text[] IS NULL
        OR r.queue_name = ANY (%(queues)s::text[])
), buckets AS (
    SELECT place, sum(run)::bigint AS run, sum(wait)::bigint AS wait
      FROM seen
     CROSS JOIN LATERAL unnest(runs, waits) WITH ORDINALITY AS u (run, wait, place)
     WHERE queue_name = ''
        OR %(queues)s::text[] IS NOT NULL
     GROUP BY place
), histograms AS (
    SELECT '' AS queue_name,
           array_agg(coalesce(run, 0) ORDER BY place) AS runs,
           array_agg(coalesce(wait, 0) ORDER BY place) AS waits
      FROM buckets
), sums AS (
    SELECT queue_name, sum(started)::bigint AS started, sum(completed)::bigint AS completed,
           sum(failed)::bigint AS failed, sum(retried)::bigint AS retried
      FROM seen
     GROUP BY queue_name
)
SELECT queue_name, s.started, s.completed, s.failed, s.retried, h.runs, h.waits
  FROM sums s
  FULL JOIN histograms h USING (queue_name)
