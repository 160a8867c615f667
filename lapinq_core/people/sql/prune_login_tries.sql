-- Deletes up to `limit` counts whose window is over. Returns how many. Locks the rows it deletes, skipping locked
-- ones.
-- Relies on lapinq_login_tries_since.
WITH late AS MATERIALIZED (
    SELECT key
      FROM lapinq_login_tries
     WHERE since <= lapinq_now() - make_interval(secs => %(window)s::float8)
     ORDER BY since
     LIMIT %(limit)s::integer
       FOR UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM lapinq_login_tries t
     USING late
     WHERE t.key = late.key
    RETURNING t.key
)
SELECT count(*) FROM gone
