-- Gives up to 500 ready tasks back the lanes that a process of the previous release dropped when it moved them. Returns how
-- many.
-- Locks the rows it changes, skipping locked ones. Relies on lapinq_ready_lost, which is empty otherwise.
WITH lost AS MATERIALIZED (
    SELECT ctid AS row_id, id
      FROM lapinq_ready
     WHERE lane IS NULL
       AND rank > 1099511627776
     ORDER BY queue_name
     LIMIT 500
       FOR UPDATE SKIP LOCKED
), restored AS (
    UPDATE lapinq_ready r
       SET lane = lapinq_lane(t.key, t.limits),
           units = lapinq_units(t.limits)
      FROM lost l
     CROSS JOIN LATERAL (SELECT key, limits FROM lapinq_tasks WHERE id = l.id LIMIT 1) AS t
     WHERE r.ctid = l.row_id
    RETURNING r.queue_name, r.lane
), told_lanes AS (
    INSERT INTO lapinq_lane_news (queue_name, lanes)
    SELECT queue_name, array_agg(DISTINCT lane)
      FROM restored
     GROUP BY queue_name
)
SELECT count(*) FROM restored
