-- Cancels the matching pending tasks of a batch, as cancel.sql does with one. {looked} and {picked} are queries for the
-- batch and for its matching tasks (`filters.py`).
-- Returns how many, zero running, the ids that moved or were locked, no queues, the last id of the batch and its size.
-- Locks task rows, ascending and skipping locked ones, so that no release's clean-up deletes one meanwhile and no two
-- walks wait for each other; then their rows in ready and delayed, waiting for others that move one, who then win.
-- Relies on the primary keys and the settings of `bulk.py`.
WITH looked AS MATERIALIZED (
    {looked}
), picked AS MATERIALIZED (
    {picked}
), locked AS MATERIALIZED (
    SELECT t.id
      FROM picked p
      JOIN lapinq_tasks t ON t.id = p.id
     WHERE NOT p.is_running
     ORDER BY t.id
       FOR UPDATE OF t SKIP LOCKED
), gone_ready AS (
    DELETE FROM lapinq_ready w
     USING locked l
     WHERE w.id = l.id
    RETURNING w.id, w.queue_name, w.starts, w.lane, true AS was_ready
), gone_delayed AS (
    DELETE FROM lapinq_delayed d
     USING locked l
     WHERE d.id = l.id
    RETURNING d.id, d.queue_name, d.starts, d.lane, false
), ended AS MATERIALIZED (
    SELECT * FROM gone_ready
    UNION ALL
    SELECT * FROM gone_delayed
), recorded AS (
    INSERT INTO lapinq_attempts (task_id, attempt, final, outcome, finished_at)
    SELECT id, starts, true, 'cancelled', lapinq_now()
      FROM ended
), counted AS (
    INSERT INTO lapinq_counts (queue_name, pending, cancelled)
    SELECT queue_name, -count(*), count(*)
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
       0::bigint,
       (SELECT coalesce(array_agg(id::text), '{{}}') FROM picked WHERE id NOT IN (SELECT id FROM ended)),
       '{{}}'::text[],
       (SELECT id::text FROM looked ORDER BY id LIMIT 1),
       (SELECT count(*) FROM looked)
