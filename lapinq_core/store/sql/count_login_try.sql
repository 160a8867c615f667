-- Counts a try to log in, in a window that begins with its first one. Answers how many there were, this one too, and in
-- how many seconds the window ends. Locks the row of the key, so that tries at the same moment are all counted.
-- Relies on lapinq_login_tries_pkey.
INSERT INTO lapinq_login_tries AS t (key, since, tries)
VALUES (%(key)s::text, lapinq_now(), 1)
    ON CONFLICT (key) DO UPDATE
   SET since = CASE WHEN t.since > lapinq_now() - make_interval(secs => %(window)s::float8)
                    THEN t.since ELSE lapinq_now() END,
       tries = CASE WHEN t.since > lapinq_now() - make_interval(secs => %(window)s::float8)
                    THEN least(t.tries + 1, 1000000) ELSE 1 END
RETURNING t.tries, extract(epoch FROM t.since - lapinq_now())::float8 + %(window)s::float8
