-- Tasks of a key in the queues `queues`: at most `limit` that run, those first that began first, and as many that wait for
-- their turn, in their order; with the names of the limits that they take from.
-- Locks nothing. Relies on lapinq_running_key and lapinq_ready_lane: reads at most `limit` tasks of each queue.
(SELECT true AS is_running, r.id::text, split_part(r.lane, chr(31), 2)
   FROM unnest(%(queues)s::text[]) AS q (name)
  CROSS JOIN LATERAL (
        SELECT id, lane, claimed_at
          FROM lapinq_running
         WHERE queue_name = q.name
           AND split_part(lane, chr(31), 1) = %(key)s::text
           AND lane IS NOT NULL
         ORDER BY queue_name, split_part(lane, chr(31), 1)
         LIMIT greatest(0, %(limit)s::integer)) AS r
  ORDER BY r.claimed_at, r.id
  LIMIT greatest(0, %(limit)s::integer))
UNION ALL
(SELECT false, w.id::text, split_part(w.lane, chr(31), 2)
   FROM unnest(%(queues)s::text[]) AS q (name)
  CROSS JOIN LATERAL (
        SELECT id, lane, rank, seq
          FROM lapinq_ready
         WHERE queue_name = q.name
           AND lane >= %(key)s::text
           AND lane < %(key)s::text || ' '
         ORDER BY queue_name, lane, rank, seq
         LIMIT greatest(0, %(limit)s::integer)) AS w
  ORDER BY w.rank, w.seq
  LIMIT greatest(0, %(limit)s::integer))
