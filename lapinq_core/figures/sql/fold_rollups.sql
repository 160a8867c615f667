-- Folds the rows of each queue and span of time into one, for spans that closed at least a minute ago: at most `limit`
-- rows of at most 500 queues and spans a pass. Returns how many it folded. Exact in any snapshot: the deletes and the
-- insert commit together. Scans at most 20,000 rows of each span, a dozen spans and five minutes back. Rows older than
-- that are rarely unfolded, and may stay so.
-- Locks the rows it folds, skipping locked ones. Relies on lapinq_rollups_since.
WITH many AS MATERIALIZED (
    SELECT r.span, r.since, r.queue_name
      FROM unnest(%(spans)s::integer[]) AS s (span)
     CROSS JOIN LATERAL (
           SELECT span, since, queue_name
             FROM lapinq_rollups
            WHERE span = s.span
              AND since <= lapinq_now() - make_interval(secs => s.span + 60)
              AND since > lapinq_now() - make_interval(secs => s.span * 12 + 300)
            LIMIT 20000) AS r
     GROUP BY r.span, r.since, r.queue_name
    HAVING count(*) > 1
     LIMIT 500
), picked AS MATERIALIZED (
    SELECT r.ctid
      FROM many m
      JOIN lapinq_rollups r ON r.span = m.span AND r.since = m.since AND r.queue_name = m.queue_name
     LIMIT %(limit)s::integer
       FOR UPDATE OF r SKIP LOCKED
), gone AS (
    DELETE FROM lapinq_rollups r
     USING picked
     WHERE r.ctid = picked.ctid
    RETURNING r.*
), buckets AS (
    SELECT span, since, queue_name, place, sum(run)::bigint AS run, sum(wait)::bigint AS wait
      FROM gone
     CROSS JOIN LATERAL unnest(runs, waits) WITH ORDINALITY AS u (run, wait, place)
     GROUP BY span, since, queue_name, place
), histograms AS (
    -- Past the end of the longest array there is nothing to add up, and the sum is NULL.
    SELECT span, since, queue_name,
           array_agg(run ORDER BY place) FILTER (WHERE run IS NOT NULL) AS runs,
           array_agg(wait ORDER BY place) FILTER (WHERE wait IS NOT NULL) AS waits
      FROM buckets
     GROUP BY span, since, queue_name
), folded AS (
    INSERT INTO lapinq_rollups (span, since, queue_name, started, completed, failed, retried, runs, waits)
    SELECT span, since, queue_name, started, completed, failed, retried, coalesce(runs, '{}'), coalesce(waits, '{}')
      FROM (SELECT span, since, queue_name, sum(started) AS started, sum(completed) AS completed, sum(failed) AS failed,
                   sum(retried) AS retried
              FROM gone
             GROUP BY span, since, queue_name) AS sums
      LEFT JOIN histograms USING (span, since, queue_name)
)
SELECT count(*) FROM gone
