-- For claim.sql: up to `limit` tasks of a queue without a policy, in order of rank and entry. Nothing if there is news of a
-- lane: the claim under the lock comes first, which notes that the queue has lanes.
-- Starts at the mark, the last key this worker claimed, so that it doesn't walk the entries deleted since. `max_rank`
-- keeps it from passing a higher priority in another queue, and from tasks that wait in lanes. The row comparison leaves
-- out the queue: with it, beside the equality, PostgreSQL would start at the queue's first entry, dead ones included, and
-- only filter by the mark.
-- Locks the rows it picks, skipping locked ones. Relies on lapinq_ready_claim and lapinq_lane_news_pkey.
picked AS MATERIALIZED (
    SELECT ctid, id >= %(since)s::uuid AND id < %(until)s::uuid AS is_here, isolation >= 2 AS is_isolated
      FROM lapinq_ready
     WHERE queue_name = %(queue)s::text
       AND (rank, seq) >= (%(mark_rank)s::bigint, %(mark_seq)s::bigint)
       AND rank <= %(max_rank)s::bigint
       AND (expires_at IS NULL OR expires_at > lapinq_now())
       AND (isolation < 2 OR %(isolated)s::integer > 0)
       AND EXISTS (SELECT FROM lapinq_workers w WHERE w.id = %(worker)s::uuid AND w.dead_at IS NULL)
       AND NOT EXISTS (SELECT
                         FROM lapinq_queues q
                        WHERE q.name = %(queue)s::text
                          AND (q.paused_at IS NOT NULL OR q.is_governed))
       AND NOT EXISTS (SELECT FROM lapinq_lane_news WHERE queue_name = %(queue)s::text)
     ORDER BY queue_name, rank, seq
     LIMIT %(limit)s::integer
       FOR UPDATE SKIP LOCKED
)
