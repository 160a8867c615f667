-- Stores the result of a step in the transaction of its task's own writes, and returns a row unless the claim is lost. When that
-- transaction commits, lapinq_check_step looks again: a lock until then would keep the worker from writing ends of tasks for as
-- long as somebody forgets to commit.
-- Locks nothing. Relies on lapinq_running_pkey.
WITH held AS MATERIALIZED (
    SELECT id, token, attempt
      FROM lapinq_running
     WHERE id = %(id)s::uuid
       AND token = %(token)s::uuid
), stored AS (
    INSERT INTO lapinq_steps (task_id, name, occurrence, kind, outcome, result, started_at, ended_at, attempt, token, version)
    SELECT id, %(name)s::text, %(occurrence)s::bigint, %(kind)s::text, 'completed', %(result)s::text,
           lapinq_now() - %(seconds)s::float8 * interval '1 second', lapinq_now(), attempt, token, %(version)s::text
      FROM held
    ON CONFLICT DO NOTHING
)
SELECT 1 FROM held
