-- Folds the deltas of each queue that has several among the first `limit` rows behind the place `since` in the table into
-- one row. If that would save fewer than a hundred rows, it leaves them. Returns how many rows it looked at, how many it
-- folded, and the place of the last one it looked at.
-- Exact in any snapshot: deleted and added rows commit together. Locks the rows it deletes, in the order of their places.
-- Relies on a TID range scan, which meets the dead rows behind `since`.
WITH looked AS MATERIALIZED (
    SELECT ctid AS place, queue_name
      FROM lapinq_counts
     WHERE ctid > %(since)s::tid
     LIMIT %(limit)s::integer
), several AS MATERIALIZED (
    SELECT queue_name, count(*) AS deltas
      FROM looked
     GROUP BY queue_name
    HAVING count(*) > 1
), gone AS (
    DELETE FROM lapinq_counts
     WHERE (SELECT sum(deltas - 1) FROM several) >= 100
       AND ctid = ANY (ARRAY(SELECT place FROM looked JOIN several USING (queue_name)))
    RETURNING *
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
SELECT (SELECT count(*) FROM looked), (SELECT count(*) FROM gone), (SELECT max(place)::text FROM looked)
