-- Deletes tasks that ended as `status` at least `keep` seconds ago, with all attempts, among the `limit` final attempts
-- that follow `after` in the order of ids. For completed tasks, which most are, it looks at all final attempts; for
-- others at those with their outcome. Tasks of a workflow that has not ended stay.
-- It ignores ids made less than `keep` seconds ago: a task ends after it was made.
-- Returns how many it deleted, how many it looked at, and the last of these.
-- Locks task rows, ascending and skipping locked ones, then their final attempts: a task that is requeued meanwhile has
-- none and stays. Relies on lapinq_attempts_final, of which it reads only the index if the outcome differs,
-- lapinq_attempts_unsuccessful, lapinq_attempts_earlier, lapinq_tasks_pkey and the settings of `bulk.py`. Arrays of ids
-- instead of joins keep PostgreSQL from walking all attempts of a week that it knows nothing about, and their bounds
-- leave out other weeks.
WITH looked AS MATERIALIZED (
    (SELECT task_id AS id, outcome
       FROM lapinq_attempts
      WHERE %(status)s::text = 'completed'
        AND final
        AND task_id > %(after)s::uuid
        AND task_id < (lpad(to_hex((extract(epoch FROM lapinq_now()) * 1000 - %(keep)s::bigint * 1000)::bigint), 12, '0')
                       || repeat('0', 20))::uuid
      ORDER BY task_id
      LIMIT %(limit)s::integer)
    UNION ALL
    (SELECT task_id, outcome
       FROM lapinq_attempts
      WHERE final
        AND outcome <> 'completed'
        AND outcome = %(status)s::text
        AND task_id > %(after)s::uuid
        AND task_id < (lpad(to_hex((extract(epoch FROM lapinq_now()) * 1000 - %(keep)s::bigint * 1000)::bigint), 12, '0')
                       || repeat('0', 20))::uuid
      ORDER BY task_id
      LIMIT %(limit)s::integer)
), edge AS MATERIALIZED (
    SELECT id AS last FROM looked ORDER BY id DESC LIMIT 1
), due AS MATERIALIZED (
    SELECT task_id
      FROM lapinq_attempts
     WHERE task_id = ANY (ARRAY(SELECT id FROM looked WHERE outcome = %(status)s::text))
       AND task_id > %(after)s::uuid
       AND task_id <= (SELECT last FROM edge)
       AND final
       AND finished_at <= lapinq_now() - %(keep)s::bigint * interval '1 second'
       AND NOT (lapinq_in_workflow(task_id)
                AND EXISTS (SELECT
                              FROM lapinq_workflow_tasks m
                              JOIN lapinq_workflows f ON f.id = m.workflow_id
                             WHERE m.task_id = lapinq_attempts.task_id
                               AND f.ended_at IS NULL))
), locked AS MATERIALIZED (
    SELECT id
      FROM lapinq_tasks
     WHERE id = ANY (ARRAY(SELECT task_id FROM due))
       AND id > %(after)s::uuid
       AND id <= (SELECT last FROM edge)
     ORDER BY id
       FOR UPDATE SKIP LOCKED
), ended AS (
    DELETE FROM lapinq_attempts
     WHERE task_id = ANY (ARRAY(SELECT id FROM locked))
       AND task_id > %(after)s::uuid
       AND task_id <= (SELECT last FROM edge)
       AND final
       AND outcome = %(status)s::text
       AND finished_at <= lapinq_now() - %(keep)s::bigint * interval '1 second'
    RETURNING task_id AS id
), gone AS (
    DELETE FROM lapinq_tasks
     WHERE id = ANY (ARRAY(SELECT id FROM ended))
       AND id > %(after)s::uuid
       AND id <= (SELECT last FROM edge)
    RETURNING queue_name
), forgotten AS (
    DELETE FROM lapinq_attempts
     WHERE task_id = ANY (ARRAY(SELECT id FROM ended))
       AND task_id > %(after)s::uuid
       AND task_id <= (SELECT last FROM edge)
       AND NOT final
), counted AS (
    INSERT INTO lapinq_counts (queue_name, completed, failed, cancelled, expired)
    SELECT queue_name,
           CASE WHEN %(status)s::text = 'completed' THEN -count(*) ELSE 0 END,
           CASE WHEN %(status)s::text = 'failed' THEN -count(*) ELSE 0 END,
           CASE WHEN %(status)s::text = 'cancelled' THEN -count(*) ELSE 0 END,
           CASE WHEN %(status)s::text = 'expired' THEN -count(*) ELSE 0 END
      FROM gone
     GROUP BY queue_name
)
SELECT (SELECT count(*) FROM ended),
       (SELECT count(*) FROM looked),
       (SELECT last::text FROM edge)
