-- Folds deltas into one row per queue once there are a hundred, at most 20,000 per pass. Returns how many it took.
-- Exact in any snapshot: deleted and added rows commit together. Locks the rows it takes, skipping locked ones.
WITH picked AS MATERIALIZED (
    SELECT ctid
      FROM lapinq_counts
     WHERE (SELECT count(*) FROM (SELECT FROM lapinq_counts LIMIT 101) AS few) > 100
     LIMIT 20000
       FOR UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM lapinq_counts c
     USING picked
     WHERE c.ctid = picked.ctid
    RETURNING c.*
), folded AS (
    INSERT INTO lapinq_counts (queue_name, pending, completed, failed, cancelled, expired)
    SELECT queue_name, sum(pending), sum(completed), sum(failed), sum(cancelled), sum(expired)
      FROM gone
     GROUP BY queue_name
    HAVING sum(pending) <> 0
        OR sum(completed) <> 0
        OR sum(failed) <> 0
        OR sum(cancelled) <> 0
        OR sum(expired) <> 0
)
SELECT count(*) FROM gone
