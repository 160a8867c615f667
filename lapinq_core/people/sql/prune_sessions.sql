-- Deletes up to `limit` expired sessions. Returns how many. Locks the rows it deletes, skipping locked ones.
-- Scans the sessions, of which each user has few.
WITH late AS MATERIALIZED (
    SELECT token_hash
      FROM lapinq_sessions
     WHERE seen_at <= lapinq_now() - make_interval(secs => %(idle)s::float8)
        OR created_at <= lapinq_now() - make_interval(secs => %(absolute)s::float8)
     LIMIT %(limit)s::integer
       FOR UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM lapinq_sessions s
     USING late
     WHERE s.token_hash = late.token_hash
    RETURNING s.token_hash
)
SELECT count(*) FROM gone
