-- Of the tasks that ended in the last `seconds` those whose last attempt ran longest, at most `most`: of `queue`, or with
-- a task name of `queues` or of all (NULL). Columns: id, task name, queue, outcome, seconds, when it ended.
-- Workers remember the slowest of each name in each span. Locks nothing. Relies on lapinq_task_rollups_queue and
-- lapinq_task_rollups_task, and finds the slowest tasks by their primary key, one after the other, until it has enough:
-- some are deleted or run again.
WITH seen AS MATERIALIZED (
    SELECT u.id, max(u.seconds) AS seconds
      FROM lapinq_task_spans_1(%(span)s::integer, %(seconds)s::integer) AS s
     CROSS JOIN LATERAL (
           (SELECT slow_ids, slow_seconds
              FROM lapinq_task_rollups
             WHERE queue_name = %(queue)s::text
               AND span = s.span
               AND since >= s.since
               AND since < s.until
             LIMIT 100000)
           UNION ALL
           (SELECT slow_ids, slow_seconds
              FROM lapinq_task_rollups
             WHERE task_name = %(task_name)s::text
               AND span = s.span
               AND since >= s.since
               AND since < s.until
               AND (%(queues)s::text[] IS NULL OR queue_name = ANY (%(queues)s::text[]))
             LIMIT 100000)) AS r
     CROSS JOIN LATERAL unnest(r.slow_ids, r.slow_seconds) AS u (id, seconds)
     GROUP BY u.id
)
SELECT s.id::text, t.task_name, t.queue_name, a.outcome, s.seconds, a.finished_at
  FROM (SELECT id, seconds
          FROM seen
         ORDER BY seconds DESC
         LIMIT 200) AS s
 CROSS JOIN LATERAL (
       SELECT task_name, queue_name
         FROM lapinq_tasks
        WHERE id = s.id
        LIMIT 1) AS t
 CROSS JOIN LATERAL (
       SELECT outcome, finished_at
         FROM lapinq_attempts
        WHERE task_id = s.id
          AND final
        LIMIT 1) AS a
 ORDER BY s.seconds DESC
 LIMIT %(most)s::integer
