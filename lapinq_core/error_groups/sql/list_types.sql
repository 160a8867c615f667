-- The types of errors in some states, as list_groups.sql chooses them, those that failed last first: how many groups, task
-- functions and queues, what they counted, and when they last failed. Locks nothing. Scans lapinq_error_groups, which is
-- bounded.
SELECT split_part(kind, ':', 1) AS type, count(*), count(DISTINCT task_name), count(DISTINCT queue_name),
       sum(failed)::bigint, sum(retried)::bigint, max(last_at) AS last_at
  FROM lapinq_error_groups
 WHERE (%(states)s::text[] IS NULL
        OR CASE WHEN state = 'muted' AND muted_until <= lapinq_now() THEN 'open' ELSE state END = ANY (%(states)s::text[]))
   AND (%(queue)s::text IS NULL OR queue_name = %(queue)s::text)
   AND (%(queues)s::text[] IS NULL OR queue_name = ANY (%(queues)s::text[]))
   AND (%(part)s::text IS NULL OR strpos(lower(task_name), lower(%(part)s::text)) > 0)
   AND (%(type)s::text IS NULL OR split_part(kind, ':', 1) = %(type)s::text)
 GROUP BY type
 ORDER BY last_at DESC, type
 LIMIT %(limit)s::integer
