-- How often groups of errors failed at points in time, `width` seconds apart, the last of which is now: group, point from
-- 0 (the earliest), tasks that failed, attempts that were retried. Points without any are left out.
-- Reads counts of `span` seconds. Locks nothing. Relies on lapinq_error_counts_group.
WITH clock AS MATERIALIZED (
    SELECT date_bin(make_interval(secs => %(width)s::integer), lapinq_now(), to_timestamp(0))
               - (%(points)s::integer - 1) * make_interval(secs => %(width)s::integer) AS first
)
SELECT group_id, floor(extract(epoch FROM n.since - c.first) / %(width)s::integer)::integer AS point,
       sum(n.failed)::bigint, sum(n.retried)::bigint
  FROM clock c
 CROSS JOIN unnest(%(ids)s::bigint[]) AS g (group_id)
  JOIN lapinq_error_counts n USING (group_id)
 WHERE n.span = %(span)s::integer
   AND n.since >= c.first
 GROUP BY group_id, point
