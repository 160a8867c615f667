-- Cancels a pending task. Returns a row if it did; none if the task is unknown or not pending.
-- Locks its row in ready or delayed; against a claim or a promotion one of the two wins.
WITH gone AS (
    DELETE FROM lapinq_ready
     WHERE id = %(id)s::uuid
    RETURNING id, queue_name, starts, lane, true AS was_ready
), gone_delayed AS (
    DELETE FROM lapinq_delayed
     WHERE id = %(id)s::uuid
    RETURNING id, queue_name, starts, lane, false
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
    SELECT told.*
      FROM ended e
     CROSS JOIN LATERAL lapinq_removed_lanes_1(ARRAY[e.queue_name], ARRAY[e.lane], ARRAY[e.id], ARRAY[e.was_ready]) AS told
)
SELECT queue_name FROM ended
