-- How many groups of errors are in each state, of a queue and with a task name that contains a text; NULL is any. A group
-- whose muting is over is open. Locks nothing. Scans lapinq_error_groups, which is bounded.
SELECT CASE WHEN state = 'muted' AND muted_until <= lapinq_now() THEN 'open' ELSE state END AS shown, count(*)
  FROM lapinq_error_groups
 WHERE (%(queue)s::text IS NULL OR queue_name = %(queue)s::text)
   AND (%(part)s::text IS NULL OR strpos(lower(task_name), lower(%(part)s::text)) > 0)
 GROUP BY shown
