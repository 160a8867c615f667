-- The groups of the same error of the same task function in other queues, of `queues`; NULL is any. An error without a
-- place is the same if its message is. Locks nothing. Scans lapinq_error_groups, which is bounded.
SELECT o.id
  FROM lapinq_error_groups g
  JOIN lapinq_error_groups o
    ON o.task_name = g.task_name
   AND o.queue_name <> g.queue_name
   AND o.place IS NOT DISTINCT FROM g.place
   AND split_part(o.kind, ':', 1) = split_part(g.kind, ':', 1)
   AND (g.place IS NOT NULL OR o.kind = g.kind)
 WHERE g.id = %(id)s::bigint
   AND (%(queues)s::text[] IS NULL OR o.queue_name = ANY (%(queues)s::text[]))
 ORDER BY o.failed + o.retried DESC, o.id
 LIMIT %(limit)s::integer
