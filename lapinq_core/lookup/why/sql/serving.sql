-- Who serves a queue: live workers, those of them that claim, the slots of these, and how many tasks they run: by their
-- latest heartbeat, or by their rows in lapinq_running if it doesn't say.
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
