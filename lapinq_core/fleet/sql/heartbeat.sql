-- A worker's heartbeat, with its health and the last jump of the clock that it noticed. Returns the tasks to cancel, as
-- pairs of id and token, the request to the worker, who made it, the time, the worker's place in the fleet, and the task
-- names that have a circuit breaker: one JSON array. No row if the worker was declared dead: it has lost its tasks.
-- The place is that which count_places.sql counted in the last 30 seconds. If that is missing, because the worker is new
-- or no process of this release is on duty, it is counted here.
-- Locks its own row. Relies on lapinq_workers_pkey, lapinq_running_cancel_requested and lapinq_places_pkey, of which it
-- reads the newest entry. Reads all of lapinq_circuit_breakers, which is small, and of lapinq_workers if it counts. No index
-- holds a column that it sets.
WITH beat AS (
    UPDATE lapinq_workers
       SET beat_at = lapinq_now(),
           memory_bytes = %(memory_bytes)s::bigint,
           running = %(running)s::integer,
           rate = %(rate)s::double precision,
           is_quiet = %(is_quiet)s::boolean,
           blocked_seconds = %(blocked_seconds)s::float8,
           jumped_at = to_timestamp(%(jumped_at)s::float8),
           jumped_seconds = %(jumped_seconds)s::float8
     WHERE id = %(id)s::uuid
       AND dead_at IS NULL
    RETURNING id, asked_to, asked_by, queues
)
SELECT json_build_array(
           (SELECT coalesce(json_agg(json_build_array(r.id, r.token)), '[]')
              FROM lapinq_running r
             WHERE r.worker_id = beat.id
               AND r.cancel_requested_at IS NOT NULL),
           beat.asked_to,
           beat.asked_by,
           date_part('epoch', lapinq_now()),
           coalesce((SELECT places -> beat.id::text
                       FROM (SELECT places, counted_at FROM lapinq_places ORDER BY seq DESC LIMIT 1) AS newest
                      WHERE counted_at > lapinq_now() - interval '30 seconds'),
                    (SELECT jsonb_build_array(count(*) FILTER (WHERE is_peer AND id < beat.id),
                                              count(*) FILTER (WHERE is_peer),
                                              count(*))
                       FROM (SELECT w.id,
                                    w.id = beat.id OR (w.queues IS NOT DISTINCT FROM beat.queues
                                                       AND w.is_quiet IS NOT TRUE
                                                       AND coalesce(w.running, 0) < w.concurrency
                                                       AND w.beat_at > lapinq_now() - 0.6 * w.lease_seconds * interval '1 second')
                                      AS is_peer
                               FROM lapinq_workers w
                              WHERE w.dead_at IS NULL) AS living)),
           (SELECT coalesce(json_agg(name), '[]') FROM lapinq_circuit_breakers WHERE kind = 'task'))::text
  FROM beat
