-- Folds the counts of each group and span of time into one: of spans that closed at least a minute ago, and of open ones
-- with many rows. At most `limit` rows of 500 groups a pass; returns how many it folded. Exact in any snapshot: the
-- deletes and the insert commit together. Scans at most 50,000 rows of each span, a span and a quarter of an hour back;
-- older rows are rarely unfolded, and may stay so.
-- Does nothing while another folds or prune_groups.sql runs: that one locks groups, then their counts.
-- Locks the rows it folds, skipping locked ones, then their groups in share mode. Relies on lapinq_error_counts_since and
-- lapinq_error_counts_group.
WITH turn AS MATERIALIZED (
    SELECT pg_try_advisory_xact_lock(hashtext('lapinq_error_groups')) AS is_ours
), many AS MATERIALIZED (
    SELECT r.group_id, r.span, r.since
      FROM turn
      JOIN unnest(%(spans)s::integer[]) AS s (span) ON turn.is_ours
     CROSS JOIN LATERAL (
           SELECT group_id, span, since
             FROM lapinq_error_counts
            WHERE span = s.span
              AND since > lapinq_now() - make_interval(secs => s.span + 900)
            LIMIT 50000) AS r
     GROUP BY r.group_id, r.span, r.since
    HAVING count(*) > CASE WHEN r.since <= lapinq_now() - make_interval(secs => r.span + 60) THEN 1 ELSE 32 END
     LIMIT 500
), picked AS MATERIALIZED (
    SELECT n.ctid
      FROM many m
      JOIN lapinq_error_counts n USING (group_id, span, since)
     LIMIT %(limit)s::integer
       FOR UPDATE OF n SKIP LOCKED
), gone AS (
    DELETE FROM lapinq_error_counts n
     USING picked
     WHERE n.ctid = picked.ctid
    RETURNING n.*
), folded AS (
    INSERT INTO lapinq_error_counts (group_id, span, since, failed, retried)
    SELECT group_id, span, since, sum(failed), sum(retried)
      FROM gone
     GROUP BY group_id, span, since
     ORDER BY group_id
)
SELECT count(*) FROM gone
