-- The histogram of how long the tasks of `task_name` in `queue` ran in the last day; NULL if none ran.
-- Locks nothing. Reads rows of a quarter of an hour. Relies on lapinq_task_rollups_task.
SELECT array_agg(run ORDER BY place)
  FROM (SELECT place, sum(run)::bigint AS run
          FROM lapinq_task_rollups
         CROSS JOIN LATERAL unnest(runs) WITH ORDINALITY AS u (run, place)
         WHERE task_name = %(task_name)s::text
           AND span = 900
           AND since >= lapinq_now() - interval '1 day'
           AND queue_name = %(queue)s::text
         GROUP BY place) AS buckets
