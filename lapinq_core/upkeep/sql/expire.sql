-- Expires up to `limit` pending tasks past their time to live. Returns how many.
-- Locks the rows it takes in ready and delayed, skipping locked ones. Relies on the two expires_at indexes,
-- and finds the rows again by their place: by statistics walking a primary key, dead rows included, may look cheaper.
WITH late_ready AS MATERIALIZED (
    SELECT ctid
      FROM lapinq_ready
     WHERE expires_at <= lapinq_now()
     ORDER BY expires_at
     LIMIT %(limit)s::integer
       FOR UPDATE SKIP LOCKED
), late_delayed AS MATERIALIZED (
    SELECT ctid
      FROM lapinq_delayed
     WHERE expires_at <= lapinq_now()
     ORDER BY expires_at
     LIMIT %(limit)s::integer
       FOR UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM lapinq_ready r
     WHERE r.ctid = ANY ((SELECT array_agg(ctid) FROM late_ready)::tid[])
    RETURNING r.id, r.queue_name, r.starts, r.lane, true AS was_ready
), gone_delayed AS (
    DELETE FROM lapinq_delayed d
     WHERE d.ctid = ANY ((SELECT array_agg(ctid) FROM late_delayed)::tid[])
    RETURNING d.id, d.queue_name, d.starts, d.lane, false
), ended AS (
    SELECT * FROM gone
    UNION ALL
    SELECT * FROM gone_delayed
), recorded AS (
    INSERT INTO lapinq_attempts (task_id, attempt, final, outcome, error, finished_at)
    SELECT id, starts, true, 'expired', 'its time to live ran out before it could start', lapinq_now()
      FROM ended
), counted AS (
    INSERT INTO lapinq_counts (queue_name, pending, expired)
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
SELECT count(*) FROM ended
