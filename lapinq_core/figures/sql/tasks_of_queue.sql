-- What happened to each task name of `queue` in the last `seconds`, those with the most attempts first, at most `most`:
-- queue, task name, completed, failed, retried, and the places and counts of the buckets of run times.
-- Complete spans of `span` seconds are read from their rows, the rest from rows of a quarter of an hour and of a minute:
-- those of a span that is not over are not folded yet, and many. Locks nothing. Relies on lapinq_task_rollups_queue.
WITH clock AS MATERIALIZED (
    SELECT date_bin(make_interval(secs => %(span)s::integer),
                    lapinq_now() - make_interval(secs => %(seconds)s::integer), to_timestamp(0)) AS first,
           date_bin(make_interval(secs => %(span)s::integer), lapinq_now(), to_timestamp(0)) AS spans_end,
           date_bin('15 minutes', lapinq_now(), to_timestamp(0)) AS quarters_end
), seen AS MATERIALIZED (
    SELECT r.queue_name, r.task_name, r.completed, r.failed, r.retried, r.runs
      FROM clock c
     CROSS JOIN LATERAL (
           SELECT *
             FROM lapinq_task_rollups
            WHERE queue_name = %(queue)s::text
              AND span = %(span)s::integer
              AND since >= c.first
              AND since < c.spans_end
           UNION ALL
           SELECT *
             FROM lapinq_task_rollups
            WHERE queue_name = %(queue)s::text
              AND span = 900
              AND since >= c.spans_end
              AND since < c.quarters_end
           UNION ALL
           SELECT *
             FROM lapinq_task_rollups
            WHERE queue_name = %(queue)s::text
              AND span = 60
              AND since >= greatest(c.spans_end, c.quarters_end)) AS r
), chosen AS MATERIALIZED (
    SELECT queue_name, task_name, sum(completed)::bigint AS completed, sum(failed)::bigint AS failed,
           sum(retried)::bigint AS retried
      FROM seen
     GROUP BY queue_name, task_name
     ORDER BY sum(completed + failed + retried) DESC, task_name COLLATE "C"
     LIMIT %(most)s::integer
), buckets AS (
    SELECT task_name, place, sum(run)::bigint AS run
      FROM seen
     CROSS JOIN LATERAL unnest(runs) WITH ORDINALITY AS u (run, place)
     WHERE run > 0
       AND task_name IN (SELECT task_name FROM chosen)
     GROUP BY task_name, place
), histograms AS (
    SELECT task_name, array_agg(place) AS places, array_agg(run) AS runs
      FROM buckets
     GROUP BY task_name
)
SELECT c.queue_name, c.task_name, c.completed, c.failed, c.retried, h.places, h.runs
  FROM chosen c
  LEFT JOIN histograms h USING (task_name)
 ORDER BY c.completed + c.failed + c.retried DESC, c.task_name COLLATE "C"
