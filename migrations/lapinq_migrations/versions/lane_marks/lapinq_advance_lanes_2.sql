-- Gives the lanes of which tasks were started their place after that, or closes them. `touched` are other lanes to look at.
-- Returns how many it changed.
-- A lane of which more may start gets the place of its next task, and an empty one closes. In strict order one with a key
-- closes, as a task of the key runs. The others are looked at.
-- Locks the rows that it writes; the caller holds the lock of the queue's row. Relies on lapinq_ready_lane and
-- lapinq_lanes_pkey.
CREATE FUNCTION lapinq_advance_lanes_2(q lapinq_queues, picks lapinq_pick_2[], touched text[])
RETURNS integer LANGUAGE plpgsql AS $function$
DECLARE
    done text[] := '{}';
BEGIN
    IF cardinality(picks) = 0 THEN
        NULL;
    ELSIF q.start_order = 'strict_per_key' THEN
        WITH closed AS (
            UPDATE lapinq_lanes l
               SET is_open = false,
                   head = NULL,
                   changed_at = lapinq_now()
              FROM unnest(picks) AS p
             CROSS JOIN LATERAL (
                   SELECT x.ctid AS row_id
                     FROM lapinq_lanes x
                    WHERE x.queue_name = q.name
                      AND x.lane = p.lane
                    LIMIT 1) AS one
             WHERE l.ctid = one.row_id
               AND p.key > ''
            RETURNING l.lane
        )
        SELECT coalesce(array_agg(c.lane), '{}') INTO done FROM closed c;
    ELSE
        WITH moved AS (
            UPDATE lapinq_lanes l
               SET is_open = next.seq IS NOT NULL,
                   head = NULL,
                   rank = CASE q.start_order WHEN 'fair' THEN 0 ELSE coalesce(next.rank, l.rank) END,
                   place = CASE q.start_order WHEN 'fair' THEN p.place ELSE coalesce(next.seq, l.place) END,
                   changed_at = lapinq_now()
              FROM (SELECT lane, max(place) AS place, coalesce(count(*) < min(most), true) AS goes_on
                      FROM unnest(picks)
                     GROUP BY lane) AS p
              LEFT JOIN LATERAL (
                   SELECT r.rank, r.seq, r.expires_at IS NULL OR r.expires_at > lapinq_now() AS is_live
                     FROM lapinq_ready r
                    WHERE r.queue_name = q.name
                      AND r.lane BETWEEN p.lane AND p.lane
                    ORDER BY r.queue_name, r.lane, r.rank, r.seq
                    LIMIT 1) AS next ON true
             CROSS JOIN LATERAL (
                   SELECT x.ctid AS row_id
                     FROM lapinq_lanes x
                    WHERE x.queue_name = q.name
                      AND x.lane = p.lane
                    LIMIT 1) AS one
             WHERE l.ctid = one.row_id
               AND (next.seq IS NULL OR p.goes_on AND next.is_live)
            RETURNING l.lane
        )
        SELECT coalesce(array_agg(m.lane), '{}') INTO done FROM moved m;
    END IF;
    touched := touched || ARRAY(SELECT p.lane FROM unnest(picks) AS p EXCEPT SELECT unnest(done));
    IF cardinality(touched) > 0 THEN
        -- In strict order the next task of a key may be in another of its lanes.
        RETURN cardinality(done) + lapinq_look_at_lanes_1(q, touched, q.start_order = 'strict_per_key');
    END IF;
    RETURN cardinality(done);
END
$function$;
