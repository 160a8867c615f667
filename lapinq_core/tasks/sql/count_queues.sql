-- Tasks by queue and status, exact, sorted by queue name; of `queues`, or of all (NULL). The cost grows with the unfolded deltas and the running
-- tasks, not with the history. Locks nothing.
SELECT queue_name,
       sum(pending)::bigint,
       sum(running)::bigint,
       sum(completed)::bigint,
       sum(failed)::bigint,
       sum(cancelled)::bigint,
       sum(expired)::bigint
  FROM (SELECT queue_name, pending, 0 AS running, completed, failed, cancelled, expired
          FROM lapinq_counts
        UNION ALL
        SELECT queue_name, 0, count(*), 0, 0, 0, 0
          FROM lapinq_running
         GROUP BY queue_name) AS deltas
 WHERE %(queues)s::text[] IS NULL
    OR queue_name = ANY (%(queues)s::text[])
 GROUP BY queue_name
HAVING (sum(pending), sum(running), sum(completed), sum(failed), sum(cancelled), sum(expired)) <> (0, 0, 0, 0, 0, 0)
 ORDER BY queue_name COLLATE "C"
