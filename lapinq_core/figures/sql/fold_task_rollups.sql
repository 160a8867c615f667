-- As fold_rollups.sql, for the rows of each task name, of which the `slowest` slowest tasks stay. Locks the rows it folds, skipping locked ones. Relies on
-- lapinq_task_rollups_since.
WITH many AS MATERIALIZED (
    SELECT r.span, r.since, r.queue_name, r.task_name
      FROM unnest(%(spans)s::integer[]) AS s (span)
     CROSS JOIN LATERAL (
           SELECT span, since, queue_name, task_name
             FROM lapinq_task_rollups
            WHERE span = s.span
              AND since <= lapinq_now() - make_interval(secs => s.span + 60)
              AND since > lapinq_now() - make_interval(secs => s.span * 12 + 300)
            LIMIT 20000) AS r
     GROUP BY r.span, r.since, r.queue_name, r.task_name
    HAVING count(*) > 1
     LIMIT 500
), picked AS MATERIALIZED (
    SELECT r.ctid
      FROM many m
      JOIN lapinq_task_rollups r ON r.span = m.span AND r.since = m.since AND r.queue_name = m.queue_name
                                AND r.task_name = m.task_name
     LIMIT %(limit)s::integer
       FOR UPDATE OF r SKIP LOCKED
), gone AS (
    DELETE FROM lapinq_task_rollups r
     USING picked
     WHERE r.ctid = picked.ctid
    RETURNING r.*
), buckets AS (
    SELECT span, since, queue_name, task_name, place, sum(run)::bigint AS run
      FROM gone
     CROSS JOIN LATERAL unnest(runs) WITH ORDINALITY AS u (run, place)
     GROUP BY span, since, queue_name, task_name, place
), histograms AS (
    SELECT span, since, queue_name, task_name,
           array_agg(run ORDER BY place) AS runs
      FROM buckets
     GROUP BY span, since, queue_name, task_name
), slowest AS (
    SELECT span, since, queue_name, task_name,
           array_agg(id ORDER BY seconds DESC) AS slow_ids,
           array_agg(seconds ORDER BY seconds DESC) AS slow_seconds
      FROM (SELECT span, since, queue_name, task_name, id, seconds,
                   row_number() OVER (PARTITION BY span, since, queue_name, task_name ORDER BY seconds DESC) AS nth
              FROM gone
             CROSS JOIN LATERAL unnest(slow_ids, slow_seconds) AS u (id, seconds)) AS ran
     WHERE nth <= %(slowest)s::integer
     GROUP BY span, since, queue_name, task_name
), folded AS (
    INSERT INTO lapinq_task_rollups (
           span, since, queue_name, task_name, completed, failed, retried, runs, slow_ids, slow_seconds)
    SELECT span, since, queue_name, task_name, completed, failed, retried, coalesce(runs, '{}'),
           coalesce(slow_ids, '{}'), coalesce(slow_seconds, '{}')
      FROM (SELECT span, since, queue_name, task_name, sum(completed) AS completed, sum(failed) AS failed,
                   sum(retried) AS retried
              FROM gone
             GROUP BY span, since, queue_name, task_name) AS sums
      LEFT JOIN histograms USING (span, since, queue_name, task_name)
      LEFT JOIN slowest USING (span, since, queue_name, task_name)
)
SELECT count(*) FROM gone
