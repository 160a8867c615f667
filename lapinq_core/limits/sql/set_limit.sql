-- Creates or changes a named limit; NULL means no rule. A bucket whose rate changes keeps its tokens, at most its new burst.
-- Returns whether it is new; no row if nothing changes. Locks its row, so it waits for claims under way. Relies on
-- lapinq_limits_pkey.
INSERT INTO lapinq_limits AS l (name, max_running, rate, created_at)
VALUES (%(name)s::text, %(max_running)s::integer, %(rate)s::jsonb, lapinq_now())
    ON CONFLICT (name) DO UPDATE
   SET max_running = excluded.max_running,
       rate = excluded.rate,
       tokens = CASE WHEN excluded.rate IS NOT NULL
                     THEN least((excluded.rate ->> 'burst')::float8, lapinq_tokens(l.rate, l.tokens, l.tokens_at)) END,
       tokens_at = CASE WHEN excluded.rate IS NOT NULL AND l.rate IS NOT NULL
                        THEN lapinq_refilled_at(l.rate, l.tokens_at) END
 WHERE (l.max_running, l.rate) IS DISTINCT FROM (excluded.max_running, excluded.rate)
RETURNING xmax = 0
