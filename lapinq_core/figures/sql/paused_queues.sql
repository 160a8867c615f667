-- Paused queues, by whom and why, with how many tasks are pending; of `queues`, or of all (NULL). The fullest first,
-- at most `most`, each with how many there are.
-- Locks nothing. Its cost grows with unfolded counts and paused queues.
SELECT q.name,
       coalesce(c.pending, 0)::bigint AS waiting,
       q.paused_at,
       q.paused_by,
       q.pause_reason,
       count(*) OVER ()
  FROM lapinq_queues q
  LEFT JOIN (SELECT queue_name, sum(pending) AS pending
               FROM lapinq_counts
              GROUP BY queue_name) AS c ON c.queue_name = q.name
 WHERE q.paused_at IS NOT NULL
   AND (%(queues)s::text[] IS NULL OR q.name = ANY (%(queues)s::text[]))
 ORDER BY waiting DESC, q.name COLLATE "C"
 LIMIT %(most)s::integer
