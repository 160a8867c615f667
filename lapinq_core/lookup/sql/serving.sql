-- Who serves a queue: workers alive, those of them that claim, how many tasks these run at a time and how many they run.
-- How many they run is what they said with their last beats; of those that say nothing of it, what they hold.
-- Locks nothing. Reads lapinq_workers whole, which is small.
SELECT count(*),
       count(*) FILTER (WHERE NOT is_quiet),
       coalesce(sum(concurrency) FILTER (WHERE NOT is_quiet), 0)::bigint,
       coalesce(sum(coalesce(running, (SELECT count(*) FROM lapinq_running r WHERE r.worker_id = w.id)))
                FILTER (WHERE NOT is_quiet), 0)::bigint
  FROM lapinq_workers w
 WHERE dead_at IS NULL
   AND beat_at >= lapinq_now() - lease_seconds * interval '1 second'
   AND (queues IS NULL OR %(queue)s::text = ANY (queues))
