-- Makes a failed task pending again, with all its retries; its earlier attempts stay in its history. The one that failed
-- says when and by whom, and the task waits from then on.
-- Not one that failed because of a parent in its workflow: that is retried as a whole.
-- Returns its queue if it did; no row if the task is unknown or not failed.
-- The caller has given it its unique key again (retake_unique_key.sql).
-- Locks the final attempt; of two requeues at once one wins. Relies on lapinq_attempts_final.
WITH reopened AS (
    UPDATE lapinq_attempts
       SET final = false, requeued_at = lapinq_now(), requeued_by = %(by)s::text
     WHERE task_id = %(id)s::uuid
       AND final
       AND outcome = 'failed'
       AND NOT (lapinq_in_workflow(task_id)
                AND EXISTS (SELECT FROM lapinq_workflow_tasks m WHERE m.task_id = lapinq_attempts.task_id AND m.cause IS NOT NULL))
    RETURNING task_id
), entered AS (
    INSERT INTO lapinq_ready (queue_name, rank, id, expires_at, since, lane, units)
    SELECT t.queue_name, lapinq_rank(t.priority, lapinq_lane(t.key, t.limits)), t.id,
           CASE WHEN t.ttl_seconds IS DISTINCT FROM 0 THEN t.expires_at END, lapinq_now(),
           lapinq_lane(t.key, t.limits), lapinq_units(t.limits)
      FROM lapinq_tasks t
      JOIN reopened ON reopened.task_id = t.id
    RETURNING queue_name, lane
), counted AS (
    INSERT INTO lapinq_counts (queue_name, pending, failed)
    SELECT queue_name, 1, -1
      FROM entered
), told_lanes AS (
    INSERT INTO lapinq_lane_news (queue_name, lanes)
    SELECT queue_name, array_agg(lane)
      FROM entered
     WHERE lane IS NOT NULL
     GROUP BY queue_name
)
SELECT queue_name FROM entered
