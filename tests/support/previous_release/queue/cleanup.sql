-- Deletes up to `limit` finished tasks past their time to live; expired ones an hour after they expired.
-- Answers how many. Locks the task rows it deletes, skipping locked ones. Relies on lapinq_tasks_expires_at.
WITH late AS MATERIALIZED (
    SELECT t.id, t.queue_name, a.outcome
      FROM lapinq_tasks t
      JOIN lapinq_attempts a ON a.task_id = t.id AND a.final
     WHERE t.expires_at <= lapinq_now()
       AND (a.outcome <> 'expired' OR a.finished_at <= lapinq_now() - interval '1 hour')
     ORDER BY t.expires_at
     LIMIT %(limit)s::integer
       FOR UPDATE OF t SKIP LOCKED
), gone AS (
    DELETE FROM lapinq_tasks t
     USING late
     WHERE t.id = late.id
    RETURNING late.id, late.queue_name, late.outcome
), forgotten AS (
    DELETE FROM lapinq_attempts a
     USING late
     WHERE a.task_id = late.id
), counted AS (
    INSERT INTO lapinq_counts (queue_name, completed, failed, cancelled, expired)
    SELECT queue_name,
           -count(*) FILTER (WHERE outcome = 'completed'),
           -count(*) FILTER (WHERE outcome = 'failed'),
           -count(*) FILTER (WHERE outcome = 'cancelled'),
           -count(*) FILTER (WHERE outcome = 'expired')
      FROM gone
     GROUP BY queue_name
)
SELECT count(*) FROM gone
