-- How many suspended tasks wait for a signal, by queue, of the oldest `most` waits. Locks nothing. Relies on lapinq_steps_waiting
-- and lapinq_delayed_pkey.
SELECT d.queue_name, count(DISTINCT d.id)
  FROM (SELECT task_id, attempt
          FROM lapinq_steps
         WHERE kind = 'signal'
           AND ended_at IS NULL
         ORDER BY started_at, task_id
         LIMIT greatest(0, %(most)s::integer)) AS s
  JOIN lapinq_delayed d ON d.id = s.task_id
                       AND d.starts = s.attempt - 1
 GROUP BY d.queue_name
