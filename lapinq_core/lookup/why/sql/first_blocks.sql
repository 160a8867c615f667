-- Of ready tasks what is told first of why they don't start, by task id: that no live worker serves their queue, or the
-- kind that lapinq_blocks_1 tells, and the name of the limit or of the breaker's task. Tasks that only wait for their turn
-- are left out.
-- Locks nothing. Reads lapinq_workers, which is small; relies on lapinq_ready_pkey.
WITH unserved AS MATERIALIZED (
    SELECT r.id
      FROM unnest(%(ids)s::uuid[]) AS i (id)
     CROSS JOIN LATERAL (SELECT x.id, x.queue_name FROM lapinq_ready x WHERE x.id = i.id LIMIT 1) AS r
     WHERE NOT EXISTS (
           SELECT
             FROM lapinq_workers w
            WHERE w.dead_at IS NULL
              AND w.beat_at >= lapinq_now() - w.lease_seconds * interval '1 second'
              AND (w.queues IS NULL OR r.queue_name = ANY (w.queues)))
)
SELECT id::text, 'no_worker', NULL
  FROM unserved
 UNION ALL
SELECT id::text, kind, name
  FROM (SELECT DISTINCT ON (b.id) b.id, b.kind, b.name
          FROM lapinq_blocks_1(%(ids)s::uuid[]) AS b
         ORDER BY b.id, b.nth, b.name) AS blocks
 WHERE id <> ALL (ARRAY(SELECT id FROM unserved))
