-- A worker's heartbeat, with its health and the last jump of the clock that it noticed. Returns the tasks to cancel, as
-- pairs of id and token, the request to the worker, who made it, the time, the worker's place in the fleet as
-- count_places.sql last counted it (alone if it has not), and the task names that have a circuit breaker: one JSON array.
-- No row if the worker was declared dead: it has lost its tasks.
-- Locks its own row. Relies on lapinq_workers_pkey, lapinq_running_cancel_requested and lapinq_places_pkey, of which it
-- reads the newest entry. Reads all of lapinq_task_breakers, which is small. No index holds a column that it sets.
WITH beat AS (
    UPDATE lapinq_workers
       SET beat_at = lapinq_now(),
           memory_bytes = %(memory_bytes)s::bigint,
           running = %(running)s::integer,
           rate = %(rate)s::double precision,
           is_quiet = %(is_quiet)s::boolean,
           jumped_at = to_timestamp(%(jumped_at)s::float8),
           jumped_seconds = %(jumped_seconds)s::float8
     WHERE id = %(id)s::uuid
       AND dead_at IS NULL
    RETURNING id, asked_to, asked_by
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
                       FROM lapinq_places
                      ORDER BY seq DESC
                      LIMIT 1), '[0, 1, 1]'),
           (SELECT coalesce(json_agg(task_name), '[]') FROM lapinq_task_breakers))::text
  FROM beat
