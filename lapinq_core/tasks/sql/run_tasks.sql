-- Makes the matching delayed tasks of a batch ready, as run_now.sql does with one, in the order of their ids. {looked}
-- and {picked} are queries for the batch and for its matching tasks (`filters.py`).
-- Leaves out blocked tasks.
-- Returns how many, zero running, the ids that moved or were locked, the queues with ready tasks, the last id of the
-- batch and its size.
-- Locks task rows, ascending and skipping locked ones, so that no release's clean-up deletes one meanwhile and no two
-- walks wait for each other; then their rows in delayed, waiting for others that move one, who then win.
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
), gone AS (
    DELETE FROM lapinq_delayed d
     USING locked l
     WHERE d.id = l.id
       AND (d.due_at < lapinq_never()) IS TRUE -- not by the index of times
    RETURNING d.id, d.queue_name, d.rank, d.starts, d.expires_at, d.isolation, d.lane, d.units
), entered AS (
    INSERT INTO lapinq_ready (queue_name, rank, id, starts, expires_at, isolation, since, lane, units)
    SELECT queue_name, rank, id, starts, expires_at, isolation, lapinq_now(), lane, units
      FROM gone
     ORDER BY id
    RETURNING id, queue_name
), told_lanes AS (
    INSERT INTO lapinq_lane_news (queue_name, lanes)
    SELECT queue_name, array_agg(lane)
      FROM gone
     WHERE lane IS NOT NULL
     GROUP BY queue_name
)
SELECT (SELECT count(*) FROM entered),
       0::bigint,
       (SELECT coalesce(array_agg(id::text), '{{}}') FROM picked WHERE id NOT IN (SELECT id FROM entered)),
       (SELECT coalesce(array_agg(DISTINCT queue_name), '{{}}') FROM entered),
       (SELECT id::text FROM looked ORDER BY id DESC LIMIT 1),
       (SELECT count(*) FROM looked)
