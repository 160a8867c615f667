-- What happened to the tasks of `task_name` in each of `queues` or of all (NULL) in the last `seconds`, as tasks_of_queue.sql tells.
-- Locks nothing. Relies on lapinq_task_rollups_task.
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
            WHERE task_name = %(task_name)s::text
              AND span = %(span)s::integer
              AND since >= c.first
              AND since < c.spans_end
           UNION ALL
           SELECT *
             FROM lapinq_task_rollups
            WHERE task_name = %(task_name)s::text
              AND span = 900
              AND since >= c.spans_end
              AND since < c.quarters_end
           UNION ALL
           SELECT *
             FROM lapinq_task_rollups
            WHERE task_name = %(task_name)s::text
              AND span = 60
              AND since >= greatest(c.spans_end, c.quarters_end)) AS r
     WHERE %(queues)s::text[] IS NULL
        OR r.queue_name = ANY (%(queues)s::text[])
), chosen AS MATERIALIZED (
    SELECT queue_name, task_name, sum(completed)::bigint AS completed, sum(failed)::bigint AS failed,
           sum(retried)::bigint AS retried
      FROM seen
     GROUP BY queue_name, task_name
     ORDER BY sum(completed + failed + retried) DESC, queue_name COLLATE "C"
     LIMIT %(most)s::integer
), buckets AS (
    SELECT queue_name, place, sum(run)::bigint AS run
      FROM seen
     CROSS JOIN LATERAL unnest(runs) WITH ORDINALITY AS u (run, place)
     WHERE run > 0
       AND queue_name IN (SELECT queue_name FROM chosen)
     GROUP BY queue_name, place
), histograms AS (
    SELECT queue_name, array_agg(place) AS places, array_agg(run) AS runs
      FROM buckets
     GROUP BY queue_name
)
SELECT c.queue_name, c.task_name, c.completed, c.failed, c.retried, h.places, h.runs
  FROM chosen c
  LEFT JOIN histograms h USING (queue_name)
 ORDER BY c.completed + c.failed + c.retried DESC, c.queue_name COLLATE "C"
