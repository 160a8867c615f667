-- Makes the matching failed tasks of a batch pending again, as requeue.sql does with one, in the order of their ids.
-- {looked} and {picked} are queries for the batch and for its matching tasks (`filters.py`).
-- Of tasks with the same unique key it requeues the newest, and none whose key another task holds (lapinq_may_requeue).
-- Not one that failed because of a parent in its workflow: that is retried as a whole.
-- Returns how many, how many it left alone because of their keys, the other ids that moved or were locked, the queues with ready tasks, the last id of the
-- batch and its size.
-- Locks task rows, ascending and skipping locked ones, so that no release's clean-up deletes one meanwhile and no two
-- walks wait for each other; then their final attempts, waiting for others that move one, who then win.
-- Relies on the primary keys, lapinq_attempts_final and the settings of `bulk.py`.
WITH looked AS MATERIALIZED (
    {looked}
), picked AS MATERIALIZED (
    {picked}
), locked AS MATERIALIZED (
    SELECT t.id, t.queue_name, t.priority,
           CASE WHEN t.ttl_seconds IS DISTINCT FROM 0 THEN t.expires_at END AS expires_at,
           lapinq_lane(t.key, t.limits) AS lane, lapinq_units(t.limits) AS units, t.unique_key
      FROM picked p
      JOIN lapinq_tasks t ON t.id = p.id
     ORDER BY t.id
       FOR UPDATE OF t SKIP LOCKED
), numbered AS (
    SELECT *, row_number() OVER (PARTITION BY queue_name, unique_key ORDER BY id DESC) AS number
      FROM locked
     WHERE unique_key IS NOT NULL
), refused AS MATERIALIZED (
    SELECT id
      FROM numbered
     WHERE number > 1
        OR NOT lapinq_may_requeue(id)
), reopened AS (
    UPDATE lapinq_attempts a
       SET final = false, requeued_at = lapinq_now(), requeued_by = %(by)s::text
      FROM locked l
     WHERE a.task_id = l.id
       AND l.id NOT IN (SELECT id FROM refused)
       AND a.final
       AND a.outcome = 'failed'
       AND NOT (lapinq_in_workflow(a.task_id)
                AND EXISTS (SELECT FROM lapinq_workflow_tasks m WHERE m.task_id = a.task_id AND m.cause IS NOT NULL))
    RETURNING l.id, l.queue_name, l.priority, l.expires_at, l.lane, l.units
), entered AS (
    INSERT INTO lapinq_ready (queue_name, rank, id, expires_at, since, lane, units)
    SELECT queue_name, lapinq_rank(priority, lane), id, expires_at, lapinq_now(), lane, units
      FROM reopened
     ORDER BY id
    RETURNING id, queue_name, lane
), counted AS (
    INSERT INTO lapinq_counts (queue_name, pending, failed)
    SELECT queue_name, count(*), -count(*)
      FROM entered
     GROUP BY queue_name
), told_lanes AS (
    INSERT INTO lapinq_lane_news (queue_name, lanes)
    SELECT queue_name, array_agg(lane)
      FROM entered
     WHERE lane IS NOT NULL
     GROUP BY queue_name
)
SELECT (SELECT count(*) FROM entered),
       (SELECT count(*) FROM refused),
       (SELECT coalesce(array_agg(id::text), '{{}}')
          FROM picked
         WHERE id NOT IN (SELECT id FROM entered)
           AND id NOT IN (SELECT id FROM refused)),
       (SELECT coalesce(array_agg(DISTINCT queue_name), '{{}}') FROM entered),
       (SELECT id::text FROM looked ORDER BY id DESC LIMIT 1),
       (SELECT count(*) FROM looked)
