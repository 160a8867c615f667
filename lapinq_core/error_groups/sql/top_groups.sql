-- The groups that failed most in the last `seconds`, open and regressed ones, of the 500 that failed last: of `queues` and
-- a task name, NULL is any. Returns ids, with how many tasks failed and attempts were retried in that time, from counts
-- of `span` seconds. Locks nothing. Relies on lapinq_error_groups_last_at and lapinq_error_counts_group.
WITH recent AS MATERIALIZED (
    SELECT id, last_at
      FROM lapinq_error_groups
     WHERE last_at >= lapinq_now() - %(seconds)s::float8 * interval '1 second'
       AND (state IN ('open', 'regressed') OR state = 'muted' AND muted_until <= lapinq_now())
       AND (%(queues)s::text[] IS NULL OR queue_name = ANY (%(queues)s::text[]))
       AND (%(task_name)s::text IS NULL OR task_name = %(task_name)s::text)
     ORDER BY last_at DESC
     LIMIT 500
)
SELECT r.id, c.failed, c.retried
  FROM recent r
 CROSS JOIN LATERAL (
       SELECT coalesce(sum(n.failed), 0)::bigint AS failed, coalesce(sum(n.retried), 0)::bigint AS retried
         FROM lapinq_error_counts n
        WHERE n.group_id = r.id
          AND n.span = %(span)s::integer
          AND n.since > lapinq_now() - make_interval(secs => %(seconds)s::float8 + %(span)s::integer)) AS c
 ORDER BY c.failed + c.retried DESC, r.last_at DESC, r.id DESC
 LIMIT %(limit)s::integer
