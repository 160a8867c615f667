-- Looks at lanes of a queue again: whether their first task may start, if not until when, and its place in the order.
-- `with_others`: and at the other lanes of their keys. Returns how many it changed.
-- A lane that opens has no credit: in fair order it goes on at the queue's virtual time, without the shift of its set of
-- limits. One that is open already keeps its place, but is never before its key.
-- Tasks of a lane are looked up BETWEEN it and itself. By equality the order by lane would not count, and where most tasks
-- are of one lane, the planner would expect to meet one of any lane soon in the index of the whole queue, and read it all.
-- Locks the rows that it writes; the caller holds the lock of the queue's row. Relies on lapinq_ready_lane,
-- lapinq_running_key, lapinq_lanes_open and the primary keys.
CREATE FUNCTION lapinq_look_at_lanes_1(q lapinq_queues, told text[], with_others boolean) RETURNS integer
LANGUAGE plpgsql AS $function$
DECLARE
    is_fair CONSTANT boolean := q.start_order = 'fair';
    is_strict CONSTANT boolean := q.start_order = 'strict_per_key';
    most CONSTANT integer := least(q.max_running_per_key, CASE WHEN is_strict THEN 1 END); -- of a key
    longest_wait CONSTANT float8 := 3155760000; -- seconds, a hundred years: more overflows a time
    a_lane text;
    of_key text;
    its_names text;
    first record;
    k lapinq_keys;
    head_lane text;
    head_id uuid;
    head_seq bigint;
    l lapinq_lanes;
    may_start boolean;
    changed integer := 0;
    opens_in float8;
    shift float8;
    its_rank bigint;
    its_place float8;
    its_head uuid;
    its_time timestamptz;
BEGIN
    IF with_others THEN
        told := ARRAY(SELECT lane
                        FROM unnest(told) AS lane
                       UNION
                      SELECT other.lane
                        FROM unnest(told) AS one (lane)
                       CROSS JOIN LATERAL (
                             SELECT o.lane
                               FROM lapinq_lanes o
                              WHERE o.queue_name = q.name
                                AND o.lane >= split_part(one.lane, chr(31), 1)
                                AND o.lane < split_part(one.lane, chr(31), 1) || ' '
                              ORDER BY o.queue_name, o.lane
                              LIMIT 1000) AS other
                       WHERE one.lane >= ' ' -- tasks without a key share nothing
                       ORDER BY lane);
    END IF;
    FOREACH a_lane IN ARRAY told LOOP
        of_key := split_part(a_lane, chr(31), 1);
        its_names := split_part(a_lane, chr(31), 2);
        SELECT * INTO l FROM lapinq_lanes x WHERE x.queue_name = q.name AND x.lane = a_lane;
        SELECT r.id, r.rank, r.seq INTO first
          FROM lapinq_ready r
         WHERE r.queue_name = q.name
           AND r.lane BETWEEN a_lane AND a_lane
           AND (r.expires_at IS NULL OR r.expires_at > lapinq_now())
         ORDER BY r.queue_name, r.lane, r.rank, r.seq
         LIMIT 1;
        may_start := first.id IS NOT NULL;
        opens_in := CASE WHEN NOT may_start AND (SELECT true
                                                       FROM lapinq_ready r
                                                      WHERE r.queue_name = q.name
                                                        AND r.lane BETWEEN a_lane AND a_lane
                                                      ORDER BY r.queue_name, r.lane, r.rank, r.seq
                                                      LIMIT 1)
                         THEN 1 END; -- Only those past their time to live wait.
        IF k.key IS DISTINCT FROM of_key THEN
            k := NULL;
        END IF;
        IF of_key > '' AND may_start THEN
            IF most IS NOT NULL THEN
                may_start := most > (SELECT count(*)
                                       FROM lapinq_running r
                                      WHERE r.queue_name = q.name
                                        AND split_part(r.lane, chr(31), 1) = of_key
                                        AND r.lane IS NOT NULL);
            END IF;
            IF may_start AND (is_fair OR is_strict OR q.rate_per_key IS NOT NULL) AND k.key IS DISTINCT FROM of_key THEN
                SELECT * INTO k FROM lapinq_keys x WHERE x.queue_name = q.name AND x.key = of_key;
                IF is_strict THEN
                    SELECT h.lane, h.id, h.seq INTO head_lane, head_id, head_seq FROM lapinq_head_of_key_1(q.name, of_key, k.holder) h;
                END IF;
                k.key := of_key;
            END IF;
            IF is_strict THEN
                may_start := may_start AND head_lane IS NOT DISTINCT FROM a_lane;
            END IF;
            IF may_start AND q.rate_per_key IS NOT NULL THEN
                opens_in := (1 - lapinq_tokens(q.rate_per_key, k.tokens, k.tokens_at))
                            * (q.rate_per_key ->> 'period_seconds')::float8 / (q.rate_per_key ->> 'limit')::float8;
                may_start := opens_in <= 0;
            END IF;
        END IF;
        IF is_fair THEN
            shift := CASE WHEN its_names > '' THEN greatest(0, (q.lane_shifts ->> its_names)::float8) ELSE 0 END;
            IF its_names > '' AND with_others THEN
                shift := greatest(shift, q.virtual_time - (SELECT x.place
                                                             FROM lapinq_lanes x
                                                            WHERE x.queue_name = q.name
                                                              AND x.is_open
                                                              AND x.names = its_names
                                                            ORDER BY x.queue_name, x.names, x.rank, x.place
                                                            LIMIT 1));
            END IF;
            its_place := greatest(k.virtual_time, q.virtual_time) - shift;
            IF l.is_open AND may_start THEN
                its_place := greatest(least(l.place, its_place), k.virtual_time - shift);
            END IF;
        ELSE
            its_place := CASE WHEN is_strict AND of_key > '' THEN head_seq ELSE first.seq END;
        END IF;
        its_time := CASE WHEN opens_in > 0 THEN lapinq_now() + least(opens_in, longest_wait) * interval '1 second' END;
        its_rank := CASE WHEN q.start_order = 'priority' THEN coalesce(first.rank, l.rank, 0) ELSE 0 END;
        its_place := coalesce(its_place, l.place, 0);
        its_head := CASE WHEN is_strict AND of_key > '' AND may_start THEN head_id END;
        IF l.lane IS NULL THEN
            INSERT INTO lapinq_lanes (queue_name, lane, names, is_open, rank, place, head, opens_at, changed_at)
            VALUES (q.name, a_lane, its_names, may_start, its_rank, its_place, its_head, its_time, lapinq_now());
            changed := changed + 1;
        ELSIF (l.is_open, l.rank, l.place, l.head, l.opens_at) IS DISTINCT FROM (may_start, its_rank, its_place, its_head, its_time) THEN
            UPDATE lapinq_lanes x
               SET is_open = may_start,
                   rank = its_rank,
                   place = its_place,
                   head = its_head,
                   opens_at = its_time,
                   changed_at = lapinq_now()
             WHERE x.queue_name = q.name
               AND x.lane = a_lane;
            changed := changed + 1;
        END IF;
    END LOOP;
    RETURN changed;
END
$function$;
