-- Queues as lists show them: those that have tasks, a policy or a circuit breaker or are paused and whose name contains `part`,
-- of `queues` or of all (NULL), with a `trouble` (NULL: any), sorted as asked, at most `limit` after the first `skipped`, each with
-- how many match. Counts are exact; `waiting_since` is when the first ready task was enqueued, became due or was requeued; of the
-- first of all and the first in a lane, the one that waits longer.
-- A queue is unserved if it has ready tasks and is not paused, and no live worker claims from it.
-- The cost grows with the unfolded deltas, the running tasks and the queues. Locks nothing. Relies on lapinq_ready_claim and
-- lapinq_tasks_pkey: two probes per listed queue, per queue with tasks if they are sorted by age.
WITH alive AS MATERIALIZED (
    SELECT queues
      FROM lapinq_workers
     WHERE dead_at IS NULL
       AND NOT is_quiet
       AND beat_at >= lapinq_now() - lease_seconds * interval '1 second'
), counted AS (
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
              FROM lapinq_queues) AS deltas
     GROUP BY queue_name
), judged AS (
    SELECT c.*, q.paused_at, q.paused_by, q.pause_reason, q.max_running,
           coalesce(num_nonnulls(q.max_running, q.max_running_per_key, q.rate, q.rate_per_key) > 0
                    OR q.start_order <> 'priority', false) AS has_policy,
           b.state AS breaker_state,
           CASE WHEN c.pending > 0
                 AND q.paused_at IS NULL
                 AND NOT EXISTS (SELECT FROM alive WHERE queues IS NULL)
                 AND c.queue_name <> ALL (ARRAY(SELECT unnest(queues) FROM alive))
                THEN (SELECT true
                        FROM lapinq_ready r
                       WHERE r.queue_name = c.queue_name
                       ORDER BY r.queue_name, r.rank, r.seq
                       LIMIT 1) IS TRUE
                ELSE false
           END AS is_unserved
      FROM counted c
      LEFT JOIN lapinq_queues q ON q.name = c.queue_name
      LEFT JOIN lapinq_circuit_breakers b ON b.kind = 'queue' AND b.name = c.queue_name
     WHERE (%(queues)s::text[] IS NULL OR c.queue_name = ANY (%(queues)s::text[]))
       AND position(lower(%(part)s::text) IN lower(c.queue_name)) > 0
), placed AS (
    SELECT j.*,
           count(*) OVER () AS passed,
           row_number() OVER (
               ORDER BY CASE %(order)s::text
                             WHEN 'pending' THEN pending
                             WHEN 'running' THEN running
                             WHEN 'failed' THEN failed
                             WHEN 'paused' THEN (paused_at IS NOT NULL)::integer
                             WHEN 'trouble' THEN CASE WHEN is_unserved THEN 3
                                                      WHEN breaker_state <> 'closed' THEN 2
                                                      WHEN paused_at IS NOT NULL THEN 1
                                                      ELSE 0
                                                 END
                        END DESC,
                        CASE %(order)s::text WHEN 'trouble' THEN pending END DESC,
                        queue_name COLLATE "C") AS place
      FROM judged j
     WHERE (has_policy OR num_nonnulls(paused_at, breaker_state) > 0
            OR (pending, running, completed, failed, cancelled, expired) <> (0, 0, 0, 0, 0, 0))
       AND CASE %(trouble)s::text
                WHEN 'unserved' THEN is_unserved
                WHEN 'breaker' THEN breaker_state <> 'closed'
                WHEN 'paused' THEN paused_at IS NOT NULL
                ELSE true
           END
), aged AS (
    SELECT p.*,
           CASE WHEN pending > 0
                 AND (%(order)s::text = 'oldest'
                      OR place > %(skipped)s::bigint AND place <= %(skipped)s::bigint + %(limit)s::bigint) THEN
                (SELECT min(coalesce(head.since,
                                     (SELECT greatest(t.created_at, t.scheduled_at)
                                        FROM lapinq_tasks t
                                       WHERE t.id = head.id)))
                   FROM ((SELECT r.id, r.since
                            FROM lapinq_ready r
                           WHERE r.queue_name = p.queue_name
                           ORDER BY r.queue_name, r.rank, r.seq
                           LIMIT 1)
                         UNION ALL
                         (SELECT r.id, r.since
                            FROM lapinq_ready r
                           WHERE r.queue_name = p.queue_name
                             AND r.rank > 1099511627776
                           ORDER BY r.queue_name, r.rank, r.seq
                           LIMIT 1)) AS head)
           END AS waiting_since
      FROM placed p
)
SELECT queue_name, pending, running, completed, failed, cancelled, expired, paused_at, paused_by, pause_reason,
       waiting_since, max_running, has_policy, breaker_state, is_unserved, passed
  FROM aged
 ORDER BY CASE %(order)s::text WHEN 'oldest' THEN waiting_since END, place
 LIMIT %(limit)s::bigint
OFFSET %(skipped)s::bigint
