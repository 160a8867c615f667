-- Claims tasks of a queue that a policy governs, or that has tasks in lanes: out of ready, into running.
-- It locks the queue's row, takes in the news, and counts for how many tasks the rules of the whole queue have room. Then it
-- goes through the queue in rounds: it reads a window of the next tasks in their order, walks it and starts what has room
-- in its limits, until there is no more room. docs/claiming.md explains lanes, news and places.
-- Returns the started tasks in the form of claim.sql. `state`: 'locked' if another claim or a
-- change holds the queue's row; 'watched' if it has a circuit breaker, which the caller has to judge first. `opens_in`: in
-- how many seconds something may start that now waits for a time. `again`: whether it is worth claiming again at once.
-- `mark`: rank and seq of the last task that it took that is in no lane. `lane_mark`: where the next claim may begin to read
-- the open lanes without limits, by rank and place, and the news, by number. Before that are but those that other claims opened, or news whose transactions took long.
-- Starts at most `free` tasks that count for a rate, as they must not wait in the worker; at most `isolated` that must run
-- alone; in priority order none behind `max_rank`. Leaves tasks past their time to live to expire.sql.
-- Each claim may write a new version of the row of its queue and of its limits. While somebody holds a snapshot, all of them
-- stay in the index, so it reads them backwards: the newest version is the last. BETWEEN, as the planner ignores an order by
-- what is equal to a constant; by ctid, as a lock that is skipped would make it look for older ones.
-- Locks the queue's row, the limits and the tasks that it reads, skipping locked ones.
CREATE OR REPLACE FUNCTION lapinq_claim_governed_2(
    queue text, worker uuid, token uuid, wanted integer, free integer, isolated integer, mark_rank bigint, mark_seq bigint,
    max_rank bigint, first_rank bigint, first_place float8, first_news bigint, lease float8, margin float8, is_watched boolean,
    OUT claims text, OUT state text, OUT opens_in float8, OUT again boolean, OUT mark bigint[], OUT lane_mark float8[]
) LANGUAGE plpgsql SET enable_sort TO off AS $function$
DECLARE
    most_rounds CONSTANT integer := 16;
    alone_again CONSTANT interval := '1 second'; -- for a lane whose tasks this worker can't run, or that somebody has locked
    large_again CONSTANT interval := '15 seconds'; -- for one whose tasks need more than their limit ever has
    most_lanes CONSTANT integer := greatest(500, wanted); -- in a window, or it would hold the lock for long
    unlimited CONSTANT integer := 2147483647;
    q lapinq_queues;
    is_fair boolean;
    is_strict boolean;
    has_news boolean;
    told text[] := '{}';
    opened text[] := '{}';
    due text[] := '{}';
    last_news bigint;
    returned float8 := 0;
    room integer; -- how many more tasks may start
    started integer := 0;
    size integer; -- of the window, in lanes
    sets text[] := '{""}'; -- the sets of named limits whose lanes are in the window
    shifts float8[] := '{0}';
    has_named boolean; -- an open lane takes from a named limit
    limits lapinq_limits[] := '{}'; -- those of the sets that the window had so far; see lapinq_lock_limits_1
    known text[] := '{}'; -- their names
    numbers jsonb := '{}'; -- by name, which of them it is
    spent float8[] := '{}';
    held boolean[] := '{}'; -- whether this claim has locked them
    wanted_units float8[] := '{}'; -- that the first task needs which takes from the limit, if too few are left; 0: a place
    blocked_before integer;
    long_before integer;
    early record; -- the first of the lanes that it opens or looks at
    blocked text[] := '{}'; -- sets of which nothing may start now
    skips_large boolean := false; -- the window is without tasks that need more than their limit ever has
    t record;
    l lapinq_limits;
    need text[];
    nth integer;
    verdict text;
    full_one integer; -- of its limits one without a place
    blocking integer; -- how many of its limits have no room
    is_rated boolean;
    ends boolean;
    long_lanes text[] := '{}'; -- lanes that ended the walk, as more may wait in them
    late_lanes text[]; -- lanes whose place is before what may start here, and where that is
    late_ranks bigint[];
    late_places float8[];
    changed integer; -- lanes, in this round
    has_changed boolean := false;
    part text;
    picked tid[];
    turns uuid[];
    unkeyed integer; -- picked tasks that are in no lane
    reached float8; -- the virtual time of the last start
    picks lapinq_pick_2[]; -- those of them that are in lanes
    -- Where a key may have several open lanes, of each key that was picked: its first lane, how many more may start, and
    -- its virtual time.
    keys text[];
    key_lanes text[];
    key_rooms integer[];
    key_times float8[];
    of_key integer;
    stop_at float8; -- what another lane of such a key comes before
    touched text[];
    looked text[] := '{}'; -- those that were touched in an earlier round
    barren text[]; -- lanes of which nothing may start here
    seconds float8;
    next_news bigint;
BEGIN
    again := false;

    -- 1. The lock. No user's transaction holds it: an enqueue of the first task with a key writes news.
    SELECT *
      INTO q
      FROM lapinq_queues x
     WHERE x.ctid = (SELECT y.ctid
                       FROM lapinq_queues y
                      WHERE y.name BETWEEN queue AND queue
                      ORDER BY y.name DESC
                      LIMIT 1)
       FOR NO KEY UPDATE SKIP LOCKED;
    has_news := EXISTS (SELECT FROM lapinq_lane_news n WHERE n.queue_name = queue AND n.seq >= first_news);
    IF q.name IS NULL
       AND EXISTS (SELECT FROM lapinq_queues x WHERE x.name BETWEEN queue AND queue ORDER BY x.name DESC LIMIT 1) THEN
        state := 'locked';
        RETURN;
    ELSIF has_news AND q.is_laned IS NOT TRUE THEN
        INSERT INTO lapinq_queues AS x (name, is_laned) VALUES (queue, true)
            ON CONFLICT (name) DO UPDATE SET is_laned = true
        RETURNING * INTO q;
    END IF;
    IF q.name IS NULL
       OR q.paused_at IS NOT NULL
       OR q.fence IS NULL -- A process of the previous release stores the number of its change alone.
          AND q.governed_xid >= pg_snapshot_xmin(pg_current_snapshot())::text::bigint
          AND q.governed_at >= lapinq_now() - interval '30 seconds'
       OR NOT EXISTS (SELECT FROM lapinq_workers w WHERE w.id = worker AND w.dead_at IS NULL) THEN
        RETURN;
    ELSIF q.has_breaker AND NOT is_watched THEN
        state := 'watched';
        RETURN;
    ELSIF q.fence IS NOT NULL THEN
        IF NOT lapinq_is_past_1(q.fence, q.governed_at) THEN
            opens_in := 0.01;
            RETURN;
        END IF;
        UPDATE lapinq_queues x SET fence = NULL WHERE x.name = queue;
    END IF;
    is_fair := q.start_order = 'fair';
    is_strict := q.start_order = 'strict_per_key';

    -- 2. The news, and the lanes whose time has come.
    IF has_news THEN
        SELECT n.told, n.opened, n.returned, n.last_seq
          INTO told, opened, returned, last_news
          FROM lapinq_take_in_news_2(q, first_news) n;
        q.tokens := q.tokens + returned;
    END IF;
    IF q.is_laned THEN
        due := ARRAY(SELECT x.lane
                       FROM lapinq_lanes x
                      WHERE x.queue_name = queue
                        AND x.opens_at <= lapinq_now()
                      ORDER BY x.queue_name, x.opens_at
                      LIMIT greatest(100, wanted));
        IF cardinality(told || due) > 0 THEN
            PERFORM lapinq_look_at_lanes_1(q, told || due, true);
        END IF;
        SELECT one.rank, one.place
          INTO early
          FROM unnest(told || due || opened) AS n (lane)
         CROSS JOIN LATERAL (
               SELECT x.rank, x.place, x.is_open
                 FROM lapinq_lanes x
                WHERE x.queue_name = queue
                  AND x.lane = n.lane
                LIMIT 1) AS one
         WHERE one.is_open
         ORDER BY one.rank, one.place
         LIMIT 1;
        IF (early.rank, early.place) < (first_rank, first_place) THEN
            first_rank := early.rank;
            first_place := early.place;
        END IF;
    END IF;

    -- 3. The room.
    room := wanted;
    IF num_nonnulls(q.rate, q.rate_per_key) > 0 THEN
        room := least(room, free);
    END IF;
    IF q.max_running IS NOT NULL THEN
        room := least(room, q.max_running - (SELECT count(*) FROM lapinq_running r WHERE r.queue_name = queue)::integer);
    END IF;
    IF q.rate IS NOT NULL THEN
        room := least(room, floor(least(lapinq_tokens(q.rate, q.tokens, q.tokens_at), unlimited))::integer);
    END IF;
    IF q.has_breaker THEN
        SELECT least(room, CASE WHEN b.state IS NULL OR b.state = 'open' OR b.probe_seq IS NOT NULL THEN 0
                                WHEN b.state = 'half_open' THEN 1
                                WHEN b.in_row > 0 THEN free END),
               CASE WHEN b.state = 'open' THEN extract(epoch FROM b.tries_at - lapinq_now())::float8 END
          INTO room, seconds
          FROM (SELECT) AS one
          LEFT JOIN lapinq_breakers b ON b.queue_name = queue;
        opens_in := CASE WHEN seconds > 0 THEN seconds END;
    END IF;

    -- 4. The rounds.
    size := room;
    reached := q.virtual_time;
    FOR round IN 1 .. most_rounds LOOP
        EXIT WHEN room < 1;
        picked := '{}'; turns := '{}'; unkeyed := 0; touched := '{}'; barren := '{}'; ends := false;
        blocked_before := cardinality(blocked);
        long_before := cardinality(long_lanes);
        late_lanes := '{}'; late_ranks := '{}'; late_places := '{}';
        picks := '{}';

        IF NOT q.is_laned THEN
            SELECT p.picked, p.ids, p.mark
              INTO picked, turns, mark
              FROM lapinq_pick_unlaned_2(queue, room, isolated, mark_rank, mark_seq, max_rank) p;
            unkeyed := cardinality(picked);
            IF unkeyed > 0 THEN
                reached := greatest(q.unkeyed_time, q.virtual_time)
                           + (unkeyed - 1) / greatest(0.001, coalesce((q.weights ->> '')::float8, 1));
            END IF;
            room := 0;
        ELSE
            has_named := EXISTS (SELECT FROM lapinq_lanes x WHERE x.queue_name = queue AND x.is_open AND x.names > '');
            IF NOT has_named THEN
                sets := '{""}';
                shifts := '{0}';
            ELSE
                SELECT s.sets, s.shifts, s.all_shifts INTO sets, shifts, q.lane_shifts FROM lapinq_next_sets_1(q, blocked, size) s;
                need := ARRAY(SELECT DISTINCT one.name
                                FROM unnest(sets) AS s (names)
                               CROSS JOIN unnest(string_to_array(s.names, ',')) AS one (name)
                               WHERE one.name <> ALL (known));
                IF cardinality(need) > 0 THEN
                    FOR l IN SELECT * FROM lapinq_lock_limits_1(queue, need) LOOP
                        IF l.closed_until > lapinq_now() THEN
                            l.max_running := 0;
                            opens_in := least(opens_in, extract(epoch FROM l.closed_until - lapinq_now())::float8);
                        END IF;
                        known := known || l.name;
                        limits := limits || l;
                        spent := spent || 0::float8;
                        wanted_units := wanted_units || NULL::float8;
                        held := held || (l.created_at IS NOT NULL);
                    END LOOP;
                    numbers := coalesce((SELECT jsonb_object_agg(k.name, k.nth)
                                           FROM unnest(known) WITH ORDINALITY AS k (name, nth)), '{}');
                END IF;
            END IF;
            keys := '{}'; key_lanes := '{}'; key_rooms := '{}'; key_times := '{}'; stop_at := NULL; verdict := NULL;

            FOR t IN
                SELECT *
                  FROM lapinq_window_2(q, sets, shifts, size, room, isolated, mark_rank, mark_seq, max_rank,
                                       first_rank, first_place, CASE WHEN skips_large THEN limits END, long_lanes)
            LOOP
                -- Behind the end it only notes lanes whose place is too early: they would end the next window, too.
                IF room < 1 OR ends OR t.then_by > stop_at OR q.start_order = 'priority' AND t.first_by > max_rank THEN
                    IF t.is_late THEN
                        late_lanes := late_lanes || t.lane;
                        late_ranks := late_ranks || t.rank;
                        late_places := late_places || t.then_by;
                    END IF;
                    CONTINUE;
                END IF;
                ends := t.ends;
                IF ends AND t.nth > 0 THEN
                    long_lanes := long_lanes || t.lane;
                END IF;
                CONTINUE WHEN t.nth IS NULL OR t.names = ANY (blocked);
                IF t.row_id IS NULL THEN
                    IF t.is_behind OR t.most < 1 OR is_strict AND t.lane <> ALL (looked) THEN
                        touched := touched || t.lane; -- in strict order its head may be past its time to live
                        looked := looked || t.lane;
                    ELSE
                        barren := barren || t.lane;
                    END IF;
                    CONTINUE;
                END IF;
                CONTINUE WHEN t.isolation >= 2 AND isolated < 1;

                -- A key may have several lanes, if they take from different limits.
                of_key := NULL;
                IF has_named AND t.key > '' THEN
                    of_key := array_position(keys, t.key);
                    CONTINUE WHEN key_rooms[of_key] < 1;
                    IF is_fair AND t.lane <> key_lanes[of_key] THEN
                        touched := touched || t.lane; -- the other was first, and this one comes after that
                        stop_at := least(stop_at, key_times[of_key]);
                        CONTINUE;
                    END IF;
                END IF;

                -- All its limits must have room. Behind a task that waits for units nothing takes from that limit, or it
                -- would wait forever.
                IF t.units IS NOT NULL THEN
                    need := string_to_array(t.names, ',');
                    verdict := NULL;
                    blocking := 0;
                    is_rated := false;
                    FOR i IN 1 .. cardinality(need) LOOP
                        nth := (numbers -> need[i])::integer;
                        l := limits[nth];
                        is_rated := is_rated OR l.rate IS NOT NULL;
                        IF l.max_running < 1 THEN
                            verdict := 'full';
                            blocking := blocking + 1;
                            full_one := nth;
                        ELSIF t.units[i] > (l.rate ->> 'burst')::float8 THEN
                            verdict := 'too large';
                            EXIT;
                        ELSIF t.units[i] > l.tokens THEN
                            verdict := coalesce(verdict, 'short');
                            blocking := blocking + 1;
                        END IF;
                    END LOOP;
                    IF verdict = 'full' AND blocking = 1 AND spent[full_one] = 0
                       AND (limits[full_one].closed_until > lapinq_now()) IS NOT TRUE THEN
                        wanted_units[full_one] := coalesce(wanted_units[full_one], 0); -- nothing is missing but a place
                    END IF;
                    IF verdict = 'too large' THEN
                        EXIT WHEN NOT skips_large; -- the next round has no such tasks
                        CONTINUE;
                    ELSIF verdict IS NULL AND is_rated AND started + cardinality(picked) >= free THEN
                        verdict := 'full';
                    END IF;
                    FOR i IN 1 .. cardinality(need) LOOP
                        nth := (numbers -> need[i])::integer;
                        CONTINUE WHEN nth IS NULL; -- it was deleted
                        IF verdict IS NULL THEN
                            limits[nth].max_running := limits[nth].max_running - 1;
                            limits[nth].tokens := limits[nth].tokens - t.units[i];
                            spent[nth] := spent[nth] + t.units[i];
                        ELSIF verdict = 'short' AND t.units[i] > limits[nth].tokens THEN
                            opens_in := least(opens_in, (t.units[i] - limits[nth].tokens)
                                                        * (limits[nth].rate ->> 'period_seconds')::float8
                                                        / (limits[nth].rate ->> 'limit')::float8);
                            limits[nth].max_running := 0;
                            wanted_units[nth] := t.units[i];
                        END IF;
                    END LOOP;
                    IF verdict IS NOT NULL THEN
                        blocked := blocked || t.names;
                        CONTINUE;
                    END IF;
                END IF;

                room := room - 1;
                picked := picked || t.row_id;
                turns := turns || t.id;
                isolated := isolated - (t.isolation >= 2)::integer;
                IF is_fair THEN
                    reached := greatest(reached, t.then_by);
                END IF;
                IF t.lane IS NULL THEN
                    unkeyed := unkeyed + 1;
                    mark := greatest(mark, ARRAY[t.rank, t.seq]);
                    CONTINUE;
                END IF;
                picks := picks || ROW(t.lane, t.key, t.id, t.time, t.time - t.shift, t.most)::lapinq_pick_2;
                IF of_key IS NOT NULL THEN
                    key_rooms[of_key] := key_rooms[of_key] - 1;
                    key_times[of_key] := t.time;
                ELSIF has_named AND t.key > '' THEN
                    keys := keys || t.key;
                    key_lanes := key_lanes || t.lane;
                    key_rooms := key_rooms || coalesce(t.most, unlimited) - 1;
                    key_times := key_times || t.time;
                END IF;
            END LOOP;
        END IF;

        IF cardinality(picked) > 0 THEN
            started := started + cardinality(picked);
            part := lapinq_start_1(queue, worker, token, picked, turns, lease, margin, q.has_breaker);
            claims := coalesce(left(claims, -1) || ',' || substr(part, 2), part, claims);
            -- Orders other than fair leave virtual times alone.
            IF cardinality(picks) > 0 AND (q.start_order <> 'priority' OR q.rate_per_key IS NOT NULL) THEN
                PERFORM lapinq_charge_keys_2(q, picks);
            END IF;
            IF is_fair THEN
                IF unkeyed > 0 THEN
                    q.unkeyed_time := greatest(q.unkeyed_time, q.virtual_time)
                                      + unkeyed / greatest(0.001, coalesce((q.weights ->> '')::float8, 1));
                END IF;
                q.virtual_time := reached;
            END IF;
        END IF;
        EXIT WHEN NOT q.is_laned;
        changed := lapinq_advance_lanes_2(q, picks, touched) + cardinality(barren || late_lanes);
        has_changed := has_changed OR changed > 0;
        IF cardinality(late_lanes) > 0 THEN
            UPDATE lapinq_lanes x
               SET rank = CASE WHEN q.start_order = 'priority' THEN u.rank ELSE 0 END,
                   place = u.place,
                   changed_at = lapinq_now()
              FROM unnest(late_lanes, late_ranks, late_places) AS u (lane, rank, place)
             CROSS JOIN LATERAL (
                   SELECT y.ctid AS row_id
                     FROM lapinq_lanes y
                    WHERE y.queue_name = queue
                      AND y.lane = u.lane
                    LIMIT 1) AS one
             WHERE x.ctid = one.row_id;
        END IF;
        IF cardinality(barren) > 0 THEN
            UPDATE lapinq_lanes x
               SET is_open = false,
                   opens_at = lapinq_now() + CASE WHEN skips_large AND x.names > '' THEN large_again ELSE alone_again END,
                   changed_at = lapinq_now()
             WHERE x.queue_name = queue
               AND x.lane = ANY (barren);
        END IF;

        skips_large := skips_large OR verdict = 'too large';
        -- Is there more that the next round may find, or find otherwise?
        EXIT WHEN NOT ends AND verdict IS DISTINCT FROM 'too large' AND cardinality(touched || barren || late_lanes) = 0
                  AND cardinality(blocked) = blocked_before;
        EXIT WHEN changed = 0 AND cardinality(picked) = 0 AND verdict IS DISTINCT FROM 'too large'
                  AND cardinality(blocked || long_lanes) = blocked_before + long_before AND (size >= most_lanes OR NOT ends);
        IF cardinality(picked) = 0 THEN
            size := least(size * 2, most_lanes);
        END IF;
        again := round = most_rounds AND room > 0;
    END LOOP;

    -- 5. What the starts used of the rates, and the virtual time.
    IF started > 0 AND q.rate IS NOT NULL OR is_fair AND (started > 0 OR has_changed) OR returned > 0 THEN
        UPDATE lapinq_queues x
           SET tokens = lapinq_tokens(q.rate, q.tokens, q.tokens_at) - started,
               tokens_at = CASE WHEN q.rate IS NOT NULL THEN lapinq_refilled_at(q.rate, q.tokens_at) END,
               virtual_time = q.virtual_time,
               unkeyed_time = q.unkeyed_time,
               lane_shifts = q.lane_shifts
         WHERE x.ctid = (SELECT y.ctid
                           FROM lapinq_queues y
                          WHERE y.name BETWEEN queue AND queue
                          ORDER BY y.name DESC
                          LIMIT 1);
    END IF;
    IF cardinality(known) > 0 THEN
        UPDATE lapinq_limits x
           SET tokens = lapinq_tokens(x.rate, x.tokens, x.tokens_at) - u.units,
               tokens_at = lapinq_refilled_at(x.rate, x.tokens_at)
          FROM unnest(known, spent) AS u (name, units)
         CROSS JOIN LATERAL (
               SELECT y.ctid AS row_id
                 FROM lapinq_limits y
                WHERE y.name BETWEEN u.name AND u.name
                ORDER BY y.name DESC
                LIMIT 1) AS newest
         WHERE x.ctid = newest.row_id
           AND x.rate IS NOT NULL
           AND u.units > 0;
        PERFORM lapinq_reserve_2(queue, array_agg(u.name), array_agg(u.units), array_agg(u.spent > 0),
                                 array_agg(limits[u.nth].max_running > 0))
           FROM unnest(known, wanted_units, spent, held) WITH ORDINALITY AS u (name, units, spent, is_held, nth)
          WHERE u.is_held
            AND (u.units IS NOT NULL OR limits[u.nth].reserved_by = queue)
         HAVING count(*) > 0;
    END IF;

    -- 6. When something may start that now waits for a time.
    SELECT min(s.seconds)
      INTO seconds
      FROM (SELECT (1 + started - lapinq_tokens(q.rate, q.tokens, q.tokens_at))
                   * (q.rate ->> 'period_seconds')::float8 / (q.rate ->> 'limit')::float8 AS seconds
             UNION ALL
            (SELECT extract(epoch FROM x.opens_at - lapinq_now())::float8
               FROM lapinq_lanes x
              WHERE x.queue_name = queue
                AND x.opens_at > lapinq_now()
              ORDER BY x.queue_name, x.opens_at
              LIMIT 1)) AS s
     WHERE s.seconds > 0;
    opens_in := least(opens_in, seconds);

    -- 7. Where the next claim begins.
    SELECT n.seq
      INTO next_news
      FROM lapinq_lane_news n
     WHERE n.queue_name = queue
       AND n.seq >= first_news
     ORDER BY n.queue_name, n.seq
     LIMIT 1;
    again := again OR cardinality(due) >= greatest(100, wanted) OR has_news AND next_news IS NOT NULL;
    IF q.is_laned THEN
        SELECT ARRAY[x.rank, x.place, coalesce(next_news, last_news + 1, first_news)]
          INTO lane_mark
          FROM lapinq_lanes x
         WHERE x.queue_name = queue
           AND x.names = ''
           AND x.is_open
           AND (x.rank, x.place) >= (first_rank, first_place)
         ORDER BY x.queue_name, x.names, x.rank, x.place
         LIMIT 1;
    END IF;
END
$function$;
