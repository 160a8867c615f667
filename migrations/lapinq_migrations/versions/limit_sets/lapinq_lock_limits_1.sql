-- Locks named limits for a claim of a queue, skipping locked ones, and takes in what tasks said of them: units given back or
-- taken, and until when one is closed.
-- Returns them as they are for that queue: `tokens` and, as `max_running`, places are left, without what another queue has
-- reserved. Closed for a moment is one that claims under way may
-- not know, and one that a claim of another queue has locked; that has no `created_at` here.
-- Reads the newest version of each first, as lapinq_claim_governed_2 does. Not in the order of names: as sorting is off, it
-- would read all limits by their index, and compare each with each.
-- Relies on lapinq_running_units and the primary keys.
CREATE OR REPLACE FUNCTION lapinq_lock_limits_1(queue text, names text[]) RETURNS SETOF lapinq_limits
LANGUAGE plpgsql AS $function$
DECLARE
    unlimited CONSTANT integer := 2147483647;
    a_moment CONSTANT timestamptz := lapinq_now() + (5 + 10 * random()) * interval '1 millisecond';
    l lapinq_limits;
    locked lapinq_limits[] := '{}';
    taken jsonb;
BEGIN
    FOR l IN
        SELECT x.*
          FROM unnest(names) AS n (name)
         CROSS JOIN LATERAL (
               SELECT y.ctid AS row_id
                 FROM lapinq_limits y
                WHERE y.name BETWEEN n.name AND n.name
                ORDER BY y.name DESC
                LIMIT 1) AS newest
          JOIN lapinq_limits x ON x.ctid = newest.row_id
           FOR NO KEY UPDATE OF x SKIP LOCKED
    LOOP
        IF EXISTS (SELECT FROM lapinq_limit_news n WHERE n.limit_name = l.name) THEN
            WITH news AS (
                DELETE FROM lapinq_limit_news
                 WHERE ctid = ANY (ARRAY(SELECT n.ctid
                                           FROM lapinq_limit_news n
                                          WHERE n.limit_name = l.name
                                          ORDER BY n.limit_name, n.seq
                                          LIMIT 1000))
                RETURNING lapinq_limit_news.units, lapinq_limit_news.closed_until
            )
            UPDATE lapinq_limits x
               SET tokens = coalesce(x.tokens, (x.rate ->> 'burst')::float8) + n.units,
                   closed_until = greatest(x.closed_until, n.closed_until)
              FROM (SELECT sum(n.units) AS units, max(n.closed_until) AS closed_until FROM news n) AS n
             WHERE x.ctid = (SELECT y.ctid
                               FROM lapinq_limits y
                              WHERE y.name BETWEEN l.name AND l.name
                              ORDER BY y.name DESC
                              LIMIT 1)
            RETURNING x.* INTO l;
        END IF;
        IF l.fence IS NOT NULL AND lapinq_is_past_1(l.fence, l.created_at) THEN
            UPDATE lapinq_limits x SET fence = NULL WHERE x.name = l.name RETURNING x.* INTO l;
        END IF;
        locked := locked || l;
    END LOOP;
    -- Counted after the lock: what the claim before started is among them.
    SELECT jsonb_object_agg(r.name, r.tasks)
      INTO taken
      FROM (SELECT one.name, count(*) AS tasks
              FROM lapinq_running x
             CROSS JOIN LATERAL unnest(string_to_array(split_part(x.lane, chr(31), 2), ',')) AS one (name)
             WHERE x.units IS NOT NULL
               AND one.name = ANY (names)
             GROUP BY one.name) AS r;
    FOREACH l IN ARRAY locked LOOP
        l.max_running := coalesce(l.max_running - coalesce((taken ->> l.name)::integer, 0), unlimited);
        l.tokens := coalesce(lapinq_tokens(l.rate, l.tokens, l.tokens_at), 'infinity');
        IF l.reserved_by <> queue AND l.reserved_until > lapinq_now() THEN
            l.tokens := l.tokens - l.reserved_units;
            l.max_running := l.max_running - lapinq_places_reserved(l);
        END IF;
        IF l.fence IS NOT NULL THEN
            l.closed_until := greatest(l.closed_until, a_moment);
        END IF;
        RETURN NEXT l;
    END LOOP;
    IF cardinality(locked) < cardinality(names) THEN
        FOR l IN
            SELECT newest.*
              FROM unnest(names) AS n (name)
             CROSS JOIN LATERAL (
                   SELECT *
                     FROM lapinq_limits x
                    WHERE x.name BETWEEN n.name AND n.name
                    ORDER BY x.name DESC
                    LIMIT 1) AS newest
             WHERE n.name <> ALL (ARRAY(SELECT name FROM unnest(locked)))
        LOOP
            l.closed_until := a_moment;
            l.created_at := NULL;
            RETURN NEXT l;
        END LOOP;
    END IF;
END
$function$;
