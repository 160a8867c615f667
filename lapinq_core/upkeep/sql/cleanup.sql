-- Deletes up to `limit` ended tasks past their time to live; expired ones an hour after they expired, those
-- of a workflow after that has ended. Returns how many.
-- Locks the task rows it deletes, skipping locked ones, then their final attempts: a task that is requeued meanwhile
-- has none and stays. Relies on lapinq_tasks_expires_at, lapinq_attempts_final, _earlier and the settings of `bulk.py`.
WITH late AS MATERIALIZED (
    SELECT t.id, t.queue_name, a.outcome
      FROM lapinq_tasks t
     CROSS JOIN LATERAL (
           SELECT outcome
             FROM lapinq_attempts
            WHERE task_id = t.id
              AND final
              AND (outcome <> 'expired' OR finished_at <= lapinq_now() - interval '1 hour')
            LIMIT 1) AS a
     WHERE t.expires_at <= lapinq_now()
       AND NOT (lapinq_in_workflow(t.id)
                AND EXISTS (SELECT
                              FROM lapinq_workflow_tasks m
                              JOIN lapinq_workflows f ON f.id = m.workflow_id
                             WHERE m.task_id = t.id
                               AND f.ended_at IS NULL))
     ORDER BY t.expires_at
     LIMIT %(limit)s::integer
       FOR UPDATE OF t SKIP LOCKED
), ended AS (
    DELETE FROM lapinq_attempts a
     USING late
     WHERE a.task_id = late.id
       AND a.final
    RETURNING late.id, late.queue_name, late.outcome
), gone AS (
    DELETE FROM lapinq_tasks t
     USING ended
     WHERE t.id = ended.id
), forgotten AS (
    DELETE FROM lapinq_attempts a
     USING ended
     WHERE a.task_id = ended.id
       AND NOT a.final
), counted AS (
    INSERT INTO lapinq_counts (queue_name, completed, failed, cancelled, expired)
    SELECT queue_name,
           -count(*) FILTER (WHERE outcome = 'completed'),
           -count(*) FILTER (WHERE outcome = 'failed'),
           -count(*) FILTER (WHERE outcome = 'cancelled'),
           -count(*) FILTER (WHERE outcome = 'expired')
      FROM ended
     GROUP BY queue_name
)
SELECT count(*) FROM ended
