-- Queues as the dashboard lists them: those that have tasks or are paused and whose name contains `part`, of `queues` or
-- of all (NULL), sorted as asked, at most `limit`, each with how many match. Counts are exact; `waiting_since` is when the first ready task was
-- enqueued, became due or was requeued; of the first of all and the first in a lane, the one that waits longer. The cost grows with the unfolded deltas, the running tasks and the queues.
-- Locks nothing. Relies on lapinq_ready_claim and lapinq_tasks_pkey, two probes per listed queue.
WITH counted AS (
    SELECT queue_name,
           sum(pending)::bigint AS pending,
           sum(running)::bigint AS running,
           sum(completed)::bigint AS completed,
           sum(failed)::bigint AS failed,
           sum(cancelled)::bigint AS cancelled,
           sum(expired)::bigint AS expired
      FROM (SELECT queue_name, pending, 0 AS running, completed, failed, cancelled, expired
              FROM lapinq_counts
            UNION ALL
            SELECT queue_name, 0, count(*), 0, 0, 0, 0
              FROM lapinq_running
             GROUP BY queue_name
            UNION ALL
            SELECT name, 0, 0, 0, 0, 0, 0
              FROM lapinq_queues
             WHERE paused_at IS NOT NULL) AS deltas
     GROUP BY queue_name
), listed AS (
    SELECT c.*, q.paused_at, q.paused_by, q.pause_reason, count(*) OVER () AS passed
      FROM counted c
      LEFT JOIN lapinq_queues q ON q.name = c.queue_name AND q.paused_at IS NOT NULL
     WHERE (q.name IS NOT NULL
            OR (c.pending, c.running, c.completed, c.failed, c.cancelled, c.expired) <> (0, 0, 0, 0, 0, 0))
       AND (%(queues)s::text[] IS NULL OR c.queue_name = ANY (%(queues)s::text[]))
       AND position(lower(%(part)s::text) IN lower(c.queue_name)) > 0
     ORDER BY CASE %(order)s::text
                   WHEN 'pending' THEN c.pending
                   WHEN 'running' THEN c.running
                   WHEN 'failed' THEN c.failed
                   WHEN 'paused' THEN (q.name IS NOT NULL)::integer
              END DESC,
              c.queue_name COLLATE "C"
     LIMIT %(limit)s::integer
)
SELECT l.queue_name, l.pending, l.running, l.completed, l.failed, l.cancelled, l.expired,
       l.paused_at, l.paused_by, l.pause_reason,
       CASE WHEN l.pending > 0 THEN
            (SELECT min(coalesce(head.since,
                                 (SELECT greatest(t.created_at, t.scheduled_at) FROM lapinq_tasks t WHERE t.id = head.id)))
               FROM ((SELECT r.id, r.since
                        FROM lapinq_ready r
                       WHERE r.queue_name = l.queue_name
                       ORDER BY r.queue_name, r.rank, r.seq
                       LIMIT 1)
                     UNION ALL
                     (SELECT r.id, r.since
                        FROM lapinq_ready r
                       WHERE r.queue_name = l.queue_name
                         AND r.rank > 1099511627776
                       ORDER BY r.queue_name, r.rank, r.seq
                       LIMIT 1)) AS head)
       END,
       l.passed
  FROM listed l
 ORDER BY CASE %(order)s::text
               WHEN 'pending' THEN l.pending
               WHEN 'running' THEN l.running
               WHEN 'failed' THEN l.failed
               WHEN 'paused' THEN (l.paused_at IS NOT NULL)::integer
          END DESC,
          l.queue_name COLLATE "C"
