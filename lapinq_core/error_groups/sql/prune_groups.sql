-- Deletes groups of errors, with their counts: those that last failed more than `kept` seconds ago, and what there is
-- beyond `most`, resolved ones first, then those that last failed earliest. At most `limit`; returns how many.
-- Does nothing while another does this or fold_error_counts.sql runs: that one locks counts, then their groups.
-- Chooses before it locks: if it skipped locked groups while it counts, it would go on to others, which are to stay. A group
-- that failed or changed its state in between stays.
-- Locks the groups it deletes, skipping locked ones, then their counts. Scans lapinq_error_groups, which this bounds.
WITH turn AS MATERIALIZED (
    SELECT pg_try_advisory_xact_lock(hashtext('lapinq_error_groups')) AS is_ours
), size AS MATERIALIZED (
    SELECT count(*) AS total,
           count(*) FILTER (WHERE last_at < lapinq_now() - make_interval(secs => %(kept)s::float8)) AS old
      FROM lapinq_error_groups
), due AS MATERIALIZED (
    SELECT id, last_at, state
      FROM lapinq_error_groups
     ORDER BY last_at >= lapinq_now() - make_interval(secs => %(kept)s::float8), state <> 'resolved', last_at
     LIMIT greatest(0, (SELECT least(%(limit)s::bigint, greatest(old, total - %(most)s::bigint)) FROM turn, size WHERE is_ours))
), gone AS (
    DELETE FROM lapinq_error_groups
     WHERE id = ANY (ARRAY(SELECT g.id
                             FROM due
                             JOIN lapinq_error_groups g USING (id, last_at, state)
                              FOR UPDATE OF g SKIP LOCKED))
    RETURNING id
)
SELECT count(*) FROM gone
