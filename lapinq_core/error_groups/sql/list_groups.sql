-- The ids of the first `limit` groups of errors in some states, of a queue, of `queues`, with a task name that contains a
-- text, and of a type of error; NULL is any. `order` is by when they last or first failed, how many failed or were retried, or by "id"; `sign` is 1
-- from the highest, -1 from the lowest. `before` is the id after which a page by id begins. A group whose muting is over
-- is open.
-- Also returns how many match in all. Locks nothing. Scans lapinq_error_groups, which is bounded.
SELECT id, count(*) OVER ()
  FROM lapinq_error_groups
 WHERE (%(states)s::text[] IS NULL
        OR CASE WHEN state = 'muted' AND muted_until <= lapinq_now() THEN 'open' ELSE state END = ANY (%(states)s::text[]))
   AND (%(queue)s::text IS NULL OR queue_name = %(queue)s::text)
   AND (%(queues)s::text[] IS NULL OR queue_name = ANY (%(queues)s::text[]))
   AND (%(part)s::text IS NULL OR strpos(lower(task_name), lower(%(part)s::text)) > 0)
   AND (%(type)s::text IS NULL OR split_part(kind, ':', 1) = %(type)s::text)
   AND (%(before)s::bigint IS NULL OR id < %(before)s::bigint)
 ORDER BY CASE %(order)s::text
               WHEN 'last' THEN extract(epoch FROM last_at)
               WHEN 'first' THEN extract(epoch FROM first_at)
               WHEN 'failed' THEN failed
               WHEN 'retried' THEN retried
               ELSE id
           END * %(sign)s::integer DESC, id DESC
 LIMIT %(limit)s::integer
