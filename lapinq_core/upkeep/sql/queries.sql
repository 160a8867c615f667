-- name: uncount_week
-- Subtracts the tasks of a week from the counts: so many of each queue and final status.
-- Locks nothing.
INSERT INTO lapinq_counts (queue_name, completed, failed, cancelled, expired)
SELECT queue_name,
       -coalesce(sum(tasks) FILTER (WHERE status = 'completed'), 0),
       -coalesce(sum(tasks) FILTER (WHERE status = 'failed'), 0),
       -coalesce(sum(tasks) FILTER (WHERE status = 'cancelled'), 0),
       -coalesce(sum(tasks) FILTER (WHERE status = 'expired'), 0)
  FROM unnest(%(queues)s::text[], %(statuses)s::text[], %(tasks)s::bigint[]) AS counted (queue_name, status, tasks)
 GROUP BY queue_name

-- name: vacuum_due
-- The tables through which tasks pass that have at least `dead` dead rows more than a tenth of their living ones, and a
-- heap of at most `bytes`; with the number of dead rows.
-- Locks nothing. Reads statistics, which lag behind by a second.
SELECT c.relname, pg_stat_get_dead_tuples(c.oid) AS dead
  FROM pg_class c
 WHERE c.oid = ANY (ARRAY['lapinq_ready', 'lapinq_delayed', 'lapinq_running', 'lapinq_transient', 'lapinq_lanes',
                            'lapinq_keys', 'lapinq_lane_news', 'lapinq_limit_news']::regclass[])
   AND pg_stat_get_dead_tuples(c.oid) >= %(dead)s::bigint + pg_stat_get_live_tuples(c.oid) / 10
   AND pg_relation_size(c.oid) <= %(bytes)s::bigint
 ORDER BY c.relname
