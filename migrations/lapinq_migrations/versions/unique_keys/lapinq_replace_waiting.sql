-- Gives a task that waits, and is locked, the arguments and options of another, and the time at which it is due (NULL:
-- now). It keeps its id, queue, unique key and number of starts. A retry keeps the delay before it, unless a time is given.
-- A ready task that stays ready keeps its turn, also in another lane.
-- It always enters its place again: a claim that saw the old place, and reads the old arguments, then doesn't get it.
-- Locks nothing else.
CREATE OR REPLACE FUNCTION lapinq_replace_waiting(task_id uuid, task json, due timestamptz) RETURNS void
    LANGUAGE plpgsql
AS $function$
DECLARE
    lifetime CONSTANT double precision := (task->>'ttl_seconds')::double precision;
    expiry CONSTANT timestamptz := lapinq_now() + lifetime * interval '1 second';
    -- A fire-and-forget task is deleted after its end, however long it waits.
    last_start CONSTANT timestamptz := CASE WHEN lifetime > 0 THEN expiry END;
    urgency CONSTANT integer := coalesce((task->>'priority')::integer, 0);
    shares CONSTANT jsonb := nullif(nullif((task->'limits')::jsonb, 'null'), '{}');
    new_lane CONSTANT text := lapinq_lane(task->>'key', shares);
    new_units CONSTANT bigint[] := lapinq_units(shares);
    new_rank CONSTANT bigint := lapinq_rank(urgency, new_lane);
    is_delayed boolean;
    told text[];
    place record;
BEGIN
    UPDATE lapinq_tasks t
       SET task_name = task->>'task_name',
           module_path = task->>'module_path',
           args = coalesce(task->'args', '[]'),
           kwargs = coalesce(task->'kwargs', '{}'),
           max_retries = coalesce((task->>'max_retries')::integer, 3),
           priority = urgency,
           retry_delay = coalesce((task->>'retry_delay')::double precision, 10),
           retry_backoff = coalesce((task->>'retry_backoff')::boolean, true),
           ttl_seconds = lifetime,
           metadata = (task->>'metadata')::jsonb,
           webhook_url = task->>'webhook_url',
           scheduled_at = due,
           expires_at = expiry,
           timeout_seconds = (task->>'timeout_seconds')::double precision,
           request_id = task->>'request_id',
           profile = (task->>'profile')::boolean,
           key = task->>'key',
           limits = shares
     WHERE t.id = task_id;

    DELETE FROM lapinq_ready w
     WHERE w.id = task_id
    RETURNING w.queue_name, w.seq, w.starts, w.isolation, w.since, w.lane, NULL::timestamptz AS due_at
      INTO place;
    IF NOT FOUND THEN
        DELETE FROM lapinq_delayed d
         WHERE d.id = task_id
        RETURNING d.queue_name, NULL::bigint AS seq, d.starts, d.isolation, NULL::timestamptz AS since, d.lane, d.due_at
          INTO STRICT place;
    END IF;
    IF due IS NULL AND place.starts > 0 THEN
        due := place.due_at;
    END IF;

    is_delayed := coalesce(due > lapinq_now(), false);

    IF is_delayed THEN
        INSERT INTO lapinq_delayed (id, due_at, queue_name, rank, starts, expires_at, isolation, lane, units)
        VALUES (task_id, due, place.queue_name, new_rank, place.starts, last_start, place.isolation, new_lane, new_units);
    ELSIF place.seq IS NULL THEN
        INSERT INTO lapinq_ready (queue_name, rank, id, starts, expires_at, isolation, lane, units)
        VALUES (place.queue_name, new_rank, task_id, place.starts, last_start, place.isolation, new_lane, new_units);
    ELSE
        INSERT INTO lapinq_ready (queue_name, rank, seq, id, starts, expires_at, isolation, since, lane, units)
        OVERRIDING SYSTEM VALUE
        VALUES (place.queue_name, new_rank, place.seq, task_id, place.starts, last_start, place.isolation, place.since,
                new_lane, new_units);
    END IF;

    -- Claims look again at the lane that it is in now, and at the one that it left or that waited for its retry.
    told := array_remove(ARRAY[CASE WHEN NOT is_delayed THEN new_lane END,
                               CASE WHEN place.seq IS NOT NULL OR place.lane IS DISTINCT FROM new_lane THEN place.lane END],
                         NULL);
    IF cardinality(told) > 0 THEN
        INSERT INTO lapinq_lane_news (queue_name, lanes) VALUES (place.queue_name, told);
    END IF;
END
$function$;
