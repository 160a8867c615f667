-- Creates or changes a named limit; NULL means no rule. A bucket whose rate changes keeps its tokens, at most its new burst.
-- If tasks wait for a new one, because it existed before, claims under way may not know it: it gets a fence, which
-- `raise_fence_of_limit` raises after the commit.
-- Returns whether it is new; no row if nothing changes. Locks its row, so it waits for claims under way. Relies on
-- lapinq_limits_pkey.
INSERT INTO lapinq_limits AS l (name, max_running, rate, created_at, fence)
VALUES (%(name)s::text, %(max_running)s::integer, %(rate)s::jsonb, lapinq_now(),
        (SELECT -1 WHERE EXISTS (SELECT FROM lapinq_lanes WHERE %(name)s::text = ANY (string_to_array(names, ',')))))
    ON CONFLICT (name) DO UPDATE
   SET max_running = excluded.max_running,
       rate = excluded.rate,
       tokens = CASE WHEN excluded.rate IS NOT NULL
                     THEN least((excluded.rate ->> 'burst')::float8, lapinq_tokens(l.rate, l.tokens, l.tokens_at)) END,
       tokens_at = CASE WHEN excluded.rate IS NOT NULL AND l.rate IS NOT NULL
                        THEN lapinq_refilled_at(l.rate, l.tokens_at) END
 WHERE (l.max_running, l.rate) IS DISTINCT FROM (excluded.max_running, excluded.rate)
RETURNING xmax = 0
