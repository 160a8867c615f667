-- Tasks by queue and status for the metrics: the `most` queues with the most pending and running tasks, among equals
-- those with the most tasks; all others in one row, whose queue is NULL. Exact, and as cheap as count_queues.sql. Locks
-- nothing.
SELECT CASE WHEN place <= %(most)s::integer THEN queue_name END AS named,
       sum(pending)::bigint,
       sum(running)::bigint,
       sum(completed)::bigint,
       sum(failed)::bigint,
       sum(cancelled)::bigint,
       sum(expired)::bigint
  FROM (SELECT *,
               row_number() OVER (ORDER BY pending + running DESC,
                                           completed + failed + cancelled + expired DESC,
                                           queue_name) AS place
          FROM (SELECT queue_name,
                       sum(pending) AS pending,
                       sum(running) AS running,
                       sum(completed) AS completed,
                       sum(failed) AS failed,
                       sum(cancelled) AS cancelled,
                       sum(expired) AS expired
                  FROM (SELECT queue_name, pending, 0 AS running, completed, failed, cancelled, expired
                          FROM lapinq_counts
                        UNION ALL
                        SELECT queue_name, 0, count(*), 0, 0, 0, 0
                          FROM lapinq_running
                         GROUP BY queue_name) AS deltas
                 GROUP BY queue_name) AS queues
         WHERE (pending, running, completed, failed, cancelled, expired) <> (0, 0, 0, 0, 0, 0)) AS placed
 GROUP BY named
