-- Queues, not paused, in which something is ready and no worker that is alive claims: how many wait, delayed ones too, for
-- how many seconds the first in line does, and whether workers serve it that were all told to claim nothing. Those with the
-- most first, `most` at the most, of the hundred fullest that nobody claims from.
-- Locks nothing. Its cost goes with the counts not yet folded and the workers. Relies on lapinq_ready_claim, one look a
-- queue, where nobody who claims leaves dead entries behind.
WITH alive AS MATERIALIZED (
    SELECT queues, is_quiet
      FROM lapinq_workers
     WHERE dead_at IS NULL
       AND beat_at >= lapinq_now() - lease_seconds * interval '1 second'
), unserved AS MATERIALIZED (
    SELECT c.queue_name, sum(c.pending)::bigint AS waiting
      FROM lapinq_counts c
     WHERE NOT EXISTS (SELECT FROM alive a WHERE a.queues IS NULL AND NOT a.is_quiet)
       AND NOT EXISTS (SELECT FROM alive a WHERE c.queue_name = ANY (a.queues) AND NOT a.is_quiet)
       AND NOT EXISTS (SELECT FROM lapinq_queues q WHERE q.name = c.queue_name AND q.paused_at IS NOT NULL)
     GROUP BY c.queue_name
    HAVING sum(c.pending) > 0
     ORDER BY waiting DESC, c.queue_name
     LIMIT 100
)
SELECT u.queue_name,
       u.waiting,
       (SELECT date_part('epoch', lapinq_now() - greatest(t.created_at, t.scheduled_at))
          FROM lapinq_tasks t
         WHERE t.id = head.id),
       EXISTS (SELECT FROM alive a WHERE a.queues IS NULL OR u.queue_name = ANY (a.queues))
  FROM unserved u
 CROSS JOIN LATERAL (
       SELECT r.id
         FROM lapinq_ready r
        WHERE r.queue_name = u.queue_name
        ORDER BY r.queue_name, r.rank, r.seq
        LIMIT 1) AS head
 ORDER BY u.waiting DESC, u.queue_name
 LIMIT %(most)s::integer
