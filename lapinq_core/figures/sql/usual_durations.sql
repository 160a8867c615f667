-- How long tasks ran in the last day: of each of `task_names`, in the one of `queues` at its place.
-- Columns: queue, task name, places and counts of the buckets. Those that did not run are left out.
-- Complete spans of two hours are read from their rows, the rest from rows of a quarter of an hour and of a minute: those
-- of a span that is not over are not folded yet, and many. Locks nothing. Relies on lapinq_task_rollups_task.
WITH clock AS MATERIALIZED (
    SELECT date_bin('2 hours', lapinq_now() - interval '1 day', to_timestamp(0)) AS first,
           date_bin('2 hours', lapinq_now(), to_timestamp(0)) AS hours_end,
           date_bin('15 minutes', lapinq_now(), to_timestamp(0)) AS quarters_end
)
SELECT queue_name, task_name, array_agg(place), array_agg(run)
  FROM (SELECT a.queue_name, a.task_name, u.place, sum(u.run)::bigint AS run
          FROM clock c
         CROSS JOIN unnest(%(queues)s::text[], %(task_names)s::text[]) AS a (queue_name, task_name)
         CROSS JOIN LATERAL (
               SELECT runs
                 FROM lapinq_task_rollups
                WHERE task_name = a.task_name
                  AND span = 7200
                  AND since >= c.first
                  AND since < c.hours_end
                  AND queue_name = a.queue_name
               UNION ALL
               SELECT runs
                 FROM lapinq_task_rollups
                WHERE task_name = a.task_name
                  AND span = 900
                  AND since >= c.hours_end
                  AND since < c.quarters_end
                  AND queue_name = a.queue_name
               UNION ALL
               SELECT runs
                 FROM lapinq_task_rollups
                WHERE task_name = a.task_name
                  AND span = 60
                  AND since >= c.quarters_end
                  AND queue_name = a.queue_name) AS r
         CROSS JOIN LATERAL unnest(r.runs) WITH ORDINALITY AS u (run, place)
         WHERE u.run > 0
         GROUP BY a.queue_name, a.task_name, u.place) AS buckets
 GROUP BY queue_name, task_name
