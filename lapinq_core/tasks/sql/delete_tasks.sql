-- Deletes the matching tasks of a batch that are not running, with their place, all attempts and their steps. {looked} and {picked}
-- are queries for the batch and for its matching tasks (`filters.py`).
-- Returns how many it deleted, how many matching ones are running, the ids that moved or were locked, no queues, the
-- last id of the batch and its size.
-- One snapshot decides everything: a task is deleted from the place where it matched, or not at all.
-- Locks task rows, ascending and skipping locked ones, as cleanup.sql does, so that of two deletions one gets a task;
-- then their rows in ready and delayed and their final attempts, waiting for others that move one, who then win.
-- Relies on the primary keys, lapinq_attempts_final and lapinq_attempts_earlier, and on the settings of `bulk.py`.
WITH looked AS MATERIALIZED (
    {looked}
), picked AS MATERIALIZED (
    {picked}
), locked AS MATERIALIZED (
    SELECT t.id, t.queue_name
      FROM picked p
      JOIN lapinq_tasks t ON t.id = p.id
     WHERE NOT p.is_running
     ORDER BY t.id
       FOR UPDATE OF t SKIP LOCKED
), gone_ready AS (
    DELETE FROM lapinq_ready w
     USING locked l
     WHERE w.id = l.id
    RETURNING l.id, l.queue_name, 'pending' AS status, lane, true AS was_ready
), gone_delayed AS (
    DELETE FROM lapinq_delayed d
     USING locked l
     WHERE d.id = l.id
    RETURNING l.id, l.queue_name, 'pending' AS status, lane, false
), gone_final AS (
    DELETE FROM lapinq_attempts a
     USING locked l
     WHERE a.task_id = l.id
       AND a.final
    RETURNING l.id, l.queue_name, a.outcome AS status, NULL AS lane, false
), ended AS MATERIALIZED (
    SELECT * FROM gone_ready
    UNION ALL
    SELECT * FROM gone_delayed
    UNION ALL
    SELECT * FROM gone_final
), gone AS (
    DELETE FROM lapinq_tasks t
     USING ended e
     WHERE t.id = e.id
), forgotten AS (
    DELETE FROM lapinq_attempts a
     USING ended e
     WHERE a.task_id = e.id
       AND NOT a.final
), forgotten_steps AS (
    DELETE FROM lapinq_steps s
     USING ended e
     WHERE s.task_id = e.id
), counted AS (
    INSERT INTO lapinq_counts (queue_name, pending, completed, failed, cancelled, expired)
    SELECT queue_name,
           -count(*) FILTER (WHERE status = 'pending'),
           -count(*) FILTER (WHERE status = 'completed'),
           -count(*) FILTER (WHERE status = 'failed'),
           -count(*) FILTER (WHERE status = 'cancelled'),
           -count(*) FILTER (WHERE status = 'expired')
      FROM ended
     GROUP BY queue_name
), told_lanes AS (
    INSERT INTO lapinq_lane_news (queue_name, lanes)
    SELECT told.*
      FROM (SELECT array_agg(queue_name) AS queues, array_agg(lane) AS lanes, array_agg(id) AS ids, array_agg(was_ready) AS ready
              FROM ended
             WHERE lane IS NOT NULL) AS r
     CROSS JOIN LATERAL lapinq_removed_lanes_1(r.queues, r.lanes, r.ids, r.ready) AS told
)
SELECT (SELECT count(*) FROM ended),
       (SELECT count(*) FROM picked WHERE is_running),
       (SELECT coalesce(array_agg(id::text), '{{}}')
          FROM picked
         WHERE NOT is_running
           AND id NOT IN (SELECT id FROM ended)),
       '{{}}'::text[],
       (SELECT id::text FROM looked ORDER BY id LIMIT 1),
       (SELECT count(*) FROM looked)
