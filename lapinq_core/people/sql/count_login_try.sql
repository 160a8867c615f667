-- Counts a try at a password, in a window that begins with the first one. Returns how many seconds the window still
-- lasts if there were `most` tries before, and null if there were fewer. A try beyond `most` is not stored. Locks the
-- row of the key, so that concurrent tries are all counted. Relies on lapinq_login_tries_pkey.
WITH used_up AS MATERIALIZED (
    SELECT since
      FROM lapinq_login_tries
     WHERE key = %(key)s::text
       AND tries >= %(most)s::integer
       AND since > lapinq_now() - make_interval(secs => %(window)s::float8)
), counted AS (
    INSERT INTO lapinq_login_tries AS t (key, since, tries)
    SELECT %(key)s::text, lapinq_now(), 1
     WHERE NOT EXISTS (SELECT FROM used_up)
        ON CONFLICT (key) DO UPDATE
       SET since = CASE WHEN t.since > lapinq_now() - make_interval(secs => %(window)s::float8)
                        THEN t.since ELSE lapinq_now() END,
           tries = CASE WHEN t.since > lapinq_now() - make_interval(secs => %(window)s::float8)
                        THEN least(t.tries + 1, 1000000) ELSE 1 END
    RETURNING t.since, t.tries > %(most)s::integer AS is_too_many
), found AS (
    SELECT since, true AS is_too_many FROM used_up
     UNION ALL
    SELECT since, is_too_many FROM counted
)
SELECT CASE WHEN is_too_many THEN extract(epoch FROM since - lapinq_now())::float8 + %(window)s::float8 END
  FROM found
