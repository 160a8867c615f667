-- Of the newest `newest` tasks that ran to an end, those whose last attempt ran longest, at most `most`: of `queues` and
-- a task name, NULL is any. Columns: id, task name, queue, outcome, seconds, when it ended.
-- Locks nothing. Reads the last entries of lapinq_attempts_final, and finds tasks by their primary key, the slowest first,
-- until it has enough.
WITH newest AS MATERIALIZED (
    SELECT task_id, outcome, run_seconds, finished_at
      FROM lapinq_attempts
     WHERE final
     ORDER BY task_id DESC
     LIMIT %(newest)s::integer
)
SELECT n.task_id::text, t.task_name, t.queue_name, n.outcome, n.run_seconds, n.finished_at
  FROM (SELECT *
          FROM newest
         WHERE run_seconds IS NOT NULL
         ORDER BY run_seconds DESC) AS n
 CROSS JOIN LATERAL (
       SELECT task_name, queue_name
         FROM lapinq_tasks
        WHERE id = n.task_id
        LIMIT 1) AS t
 WHERE (%(queues)s::text[] IS NULL OR t.queue_name = ANY (%(queues)s::text[]))
   AND (%(task_name)s::text IS NULL OR t.task_name = %(task_name)s::text)
 ORDER BY n.run_seconds DESC
 LIMIT %(most)s::integer
