-- Ends running attempts that returned: out of running, a final attempt appended, the count moved.
-- Takes arrays of ids, tokens and seconds, and a JSON array of results as text; answers how many were still ours.
-- A row whose token differs belongs to a later claim and stays. Locks running rows in the order given: ascending ids.
-- Relies on lapinq_running_pkey; the connection has PLAN_SETTINGS, for by statistics the table looks tiny while it is full
-- of dead rows.
WITH input AS MATERIALIZED (
    SELECT *
      FROM ROWS FROM (unnest(%(ids)s::uuid[]), unnest(%(tokens)s::uuid[]), unnest(%(seconds)s::float8[]),
                      json_array_elements_text(%(results)s::json)) AS i (id, token, run_seconds, result)
), ended AS (
    DELETE FROM lapinq_running r
     USING input i
     WHERE r.id = i.id
       AND r.token = i.token
    RETURNING r.id, r.token, r.queue_name, r.attempt, r.worker_id, r.claimed_at, i.run_seconds, i.result
), recorded AS (
    INSERT INTO lapinq_attempts (task_id, attempt, final, outcome, result, run_seconds, claimed_at, finished_at,
                                 worker_id, token)
    SELECT id, attempt, true, 'completed', result, run_seconds, claimed_at, lapinq_now(), worker_id, token
      FROM ended
), counted AS (
    INSERT INTO lapinq_counts (queue_name, completed)
    SELECT queue_name, count(*)
      FROM ended
     GROUP BY queue_name
)
SELECT count(*) FROM ended
