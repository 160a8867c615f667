-- Deletes up to `limit` counts of each of `spans` that are older than its number of seconds in `kept`, the oldest first.
-- Returns how many. Locks the rows it deletes, skipping locked ones. Relies on lapinq_error_counts_since.
WITH late AS MATERIALIZED (
    SELECT r.place
      FROM unnest(%(spans)s::integer[], %(kept)s::integer[]) AS s (span, kept)
     CROSS JOIN LATERAL (
           SELECT ctid AS place
             FROM lapinq_error_counts
            WHERE span = s.span
              AND since < lapinq_now() - make_interval(secs => s.kept)
            ORDER BY since
            LIMIT %(limit)s::integer
              FOR UPDATE SKIP LOCKED) AS r
), gone AS (
    DELETE FROM lapinq_error_counts n
     WHERE n.ctid = ANY (ARRAY(SELECT place FROM late))
    RETURNING n.span
)
SELECT count(*) FROM gone
