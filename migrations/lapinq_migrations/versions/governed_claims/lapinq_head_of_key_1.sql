-- The task of a key that is next in strict order: the one that started last if it waits again, else the one that waits
-- longest, whatever its priority. None while the one that started last waits for a retry. Tasks past their time to live
-- hold nothing.
-- Locks nothing. Relies on lapinq_ready_lane and the primary keys.
CREATE FUNCTION lapinq_head_of_key_1(queue text, of_key text, holder uuid, OUT lane text, OUT id uuid, OUT seq bigint)
LANGUAGE plpgsql STABLE AS $function$
DECLARE
    first record;
BEGIN
    SELECT r.lane, r.id, r.seq INTO lane, id, seq
      FROM lapinq_ready r
     WHERE r.id = holder
       AND r.queue_name = queue
       AND split_part(r.lane, chr(31), 1) = of_key
       AND (r.expires_at IS NULL OR r.expires_at > lapinq_now());
    IF FOUND
       OR EXISTS (SELECT
                    FROM lapinq_delayed d
                   WHERE d.id = holder
                     AND split_part(d.lane, chr(31), 1) = of_key
                     AND (d.expires_at IS NULL OR d.expires_at > lapinq_now())) THEN
        RETURN;
    END IF;
    -- The first of each lane and rank is the oldest of these.
    SELECT r.lane, r.rank, r.id, r.seq INTO first
      FROM lapinq_ready r
     WHERE r.queue_name = queue
       AND r.lane >= of_key
       AND r.lane < of_key || ' '
       AND (r.expires_at IS NULL OR r.expires_at > lapinq_now())
     ORDER BY r.queue_name, r.lane, r.rank, r.seq
     LIMIT 1;
    WHILE first.id IS NOT NULL LOOP
        IF seq IS NULL OR first.seq < seq THEN
            lane := first.lane;
            id := first.id;
            seq := first.seq;
        END IF;
        SELECT r.lane, r.rank, r.id, r.seq INTO first
          FROM lapinq_ready r
         WHERE r.queue_name = queue
           AND (r.lane, r.rank) > (first.lane, first.rank)
           AND r.lane < of_key || ' '
           AND (r.expires_at IS NULL OR r.expires_at > lapinq_now())
         ORDER BY r.queue_name, r.lane, r.rank, r.seq
         LIMIT 1;
    END LOOP;
END
$function$;
