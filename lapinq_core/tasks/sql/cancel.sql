-- Cancels a pending task. Returns a row if it did; none if the task is unknown or not pending.
-- Locks its row in ready or delayed; against a claim or a promotion one of the two wins.
WITH gone AS (
    DELETE FROM lapinq_ready
     WHERE id = %(id)s::uuid
    RETURNING id, queue_name, starts, lane
), gone_delayed AS (
    DELETE FROM lapinq_delayed
     WHERE id = %(id)s::uuid
    RETURNING id, queue_name, starts, lane
), ended AS (
    SELECT * FROM gone
    UNION ALL
    SELECT * FROM gone_delayed
), recorded AS (
    INSERT INTO lapinq_attempts (task_id, attempt, final, outcome, finished_at)
    SELECT id, starts, true, 'cancelled', lapinq_now()
      FROM ended
), counted AS (
    INSERT INTO lapinq_counts (queue_name, pending, cancelled)
    SELECT queue_name, -1, 1
      FROM ended
), told_lanes AS (
    INSERT INTO lapinq_lane_news (queue_name, lanes)
    SELECT queue_name, array_agg(lane)
      FROM ended
     WHERE lane IS NOT NULL
     GROUP BY queue_name
)
SELECT queue_name FROM ended
