-- Merges a group of errors into another, which takes over its counts, its errors and what was merged into it. The other
-- keeps its state. The error of the first may be merged already: a worker of a release before 0069, or a write that waited for
-- the merge, made a new group of it. Both are locked already (lock_groups). Locks counts of the first, which maintenance doesn't fold
-- meanwhile (hold_upkeep). Deletes the first. Relies on the keys of the tables, lapinq_error_counts_group and
-- lapinq_error_merges_group.
WITH gone AS MATERIALIZED (
    SELECT *
      FROM lapinq_error_groups
     WHERE id = %(id)s::bigint
), moved AS (
    UPDATE lapinq_error_merges
       SET group_id = %(into)s::bigint
     WHERE group_id = %(id)s::bigint
       AND fingerprint <> (SELECT fingerprint FROM gone)
), merged AS (
    INSERT INTO lapinq_error_merges (fingerprint, group_id, kind, place, merged_by, merged_at)
    SELECT fingerprint, %(into)s::bigint, kind, place, %(by)s::text, lapinq_now()
      FROM gone
        ON CONFLICT (fingerprint) DO UPDATE
       SET group_id = excluded.group_id,
           merged_by = excluded.merged_by,
           merged_at = excluded.merged_at
), counts AS (
    UPDATE lapinq_error_counts
       SET group_id = %(into)s::bigint
     WHERE group_id = %(id)s::bigint
), deleted AS (
    DELETE FROM lapinq_error_groups
     WHERE id = %(id)s::bigint
)
UPDATE lapinq_error_groups g
   SET failed = g.failed + gone.failed,
       retried = g.retried + gone.retried,
       first_at = least(g.first_at, gone.first_at),
       last_at = greatest(g.last_at, gone.last_at),
       samples = ARRAY(SELECT line
                         FROM unnest(g.samples[1:3] || gone.samples[1:3] || g.samples[4:]) WITH ORDINALITY AS s (line, n)
                        GROUP BY line
                        ORDER BY min(n)
                        LIMIT 5)
  FROM gone
 WHERE g.id = %(into)s::bigint
