-- The ids of the first `limit` groups of errors in a state, of a queue, and with a task name that contains a text; NULL
-- is any. `order` is by when they last failed, when they first did, how often, or the newest group first ("id");
-- `before` is the id after which a page in that last order begins. A group whose muting is over is open.
-- Also returns how many match in all. Locks nothing. Scans lapinq_error_groups, which is bounded.
SELECT id, count(*) OVER ()
  FROM lapinq_error_groups
 WHERE (%(state)s::text IS NULL
        OR %(state)s::text = CASE WHEN state = 'muted' AND muted_until <= lapinq_now() THEN 'open' ELSE state END)
   AND (%(queue)s::text IS NULL OR queue_name = %(queue)s::text)
   AND (%(part)s::text IS NULL OR strpos(lower(task_name), lower(%(part)s::text)) > 0)
   AND (%(before)s::bigint IS NULL OR id < %(before)s::bigint)
 ORDER BY CASE %(order)s::text
               WHEN 'last' THEN extract(epoch FROM last_at)
               WHEN 'first' THEN extract(epoch FROM first_at)
               WHEN 'count' THEN failed + retried
           END DESC NULLS LAST, id DESC
 LIMIT %(limit)s::integer
