-- Queues that have ready tasks and are not paused, and from which no live worker claims: how many tasks are pending,
-- how many seconds the first in line has waited, and whether only quiet workers serve the queue; of `queues`, or of all
-- (NULL). The one that has waited longest first, at most `most` of the thousand fullest without a worker, each with how many of
-- these there are.
-- Locks nothing. Its cost grows with unfolded counts and workers. Relies on lapinq_ready_claim, two lookups per queue;
-- without claims there are no dead entries to skip.
WITH alive AS MATERIALIZED (
    SELECT queues, is_quiet
      FROM lapinq_workers
     WHERE dead_at IS NULL
       AND beat_at >= lapinq_now() - lease_seconds * interval '1 second'
), served AS MATERIALIZED (
    -- As rows: a queue is found among them by its hash, and not by reading the array of each worker.
    SELECT DISTINCT unnest(queues) AS queue_name
      FROM alive
     WHERE NOT is_quiet
), unserved AS MATERIALIZED (
    SELECT c.queue_name, sum(c.pending)::bigint AS waiting
      FROM lapinq_counts c
     WHERE (%(queues)s::text[] IS NULL OR c.queue_name = ANY (%(queues)s::text[]))
       AND NOT EXISTS (SELECT FROM alive a WHERE a.queues IS NULL AND NOT a.is_quiet)
       AND NOT EXISTS (SELECT FROM served s WHERE s.queue_name = c.queue_name)
       AND NOT EXISTS (SELECT FROM lapinq_queues q WHERE q.name = c.queue_name AND q.paused_at IS NOT NULL)
     GROUP BY c.queue_name
    HAVING sum(c.pending) > 0
     ORDER BY waiting DESC, c.queue_name
     LIMIT 1000
)
SELECT u.queue_name,
       u.waiting,
       date_part('epoch', lapinq_now() - first.since),
       EXISTS (SELECT FROM alive a WHERE a.queues IS NULL OR u.queue_name = ANY (a.queues)),
       count(*) OVER ()
  FROM unserved u
 CROSS JOIN LATERAL (
       SELECT min(coalesce(head.since,
                           (SELECT greatest(t.created_at, t.scheduled_at) FROM lapinq_tasks t WHERE t.id = head.id))) AS since
         FROM ((SELECT r.id, r.since
                  FROM lapinq_ready r
                 WHERE r.queue_name = u.queue_name
                 ORDER BY r.queue_name, r.rank, r.seq
                 LIMIT 1)
               UNION ALL
               (SELECT r.id, r.since
                  FROM lapinq_ready r
                 WHERE r.queue_name = u.queue_name
                   AND r.rank > 1099511627776
                 ORDER BY r.queue_name, r.rank, r.seq
                 LIMIT 1)) AS head) AS first
 WHERE first.since IS NOT NULL
 ORDER BY first.since, u.queue_name
 LIMIT %(most)s::integer
