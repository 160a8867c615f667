-- How long tasks ran in the last day: of each of `task_names`, in the one of `queues` at its place.
-- Columns: queue, task name, places and counts of the buckets. Those that did not run are left out.
-- Locks nothing. Reads rows of a quarter of an hour. Relies on lapinq_task_rollups_task.
SELECT queue_name, task_name, array_agg(place), array_agg(run)
  FROM (SELECT r.queue_name, r.task_name, u.place, sum(u.run)::bigint AS run
          FROM unnest(%(queues)s::text[], %(task_names)s::text[]) AS a (queue_name, task_name)
          JOIN lapinq_task_rollups r ON r.task_name = a.task_name
                                    AND r.span = 900
                                    AND r.since >= lapinq_now() - interval '1 day'
                                    AND r.queue_name = a.queue_name
         CROSS JOIN LATERAL unnest(r.runs) WITH ORDINALITY AS u (run, place)
         WHERE u.run > 0
         GROUP BY r.queue_name, r.task_name, u.place) AS buckets
 GROUP BY queue_name, task_name
