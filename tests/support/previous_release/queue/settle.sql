-- Ends running attempts in any way but completion: an attempt appended, and the task failed or waiting again.
-- Takes a JSON array of objects: `final` fails the task; else it waits `delay` seconds, and `counts` says whether the
-- attempt used up a start; `rescued` records no token, for its holder knows its own repeated writes by it.
-- Answers the ids that were still ours, and whether each may start at once.
-- A row whose token differs belongs to a later claim and stays. Locks running rows in the order given: ascending ids.
-- Relies on lapinq_running_pkey.
WITH input AS MATERIALIZED (
    SELECT *
      FROM json_to_recordset(%(attempts)s::json) AS i (
           id uuid, token uuid, final boolean, counts boolean, delay float8, error text, traceback text,
           run_seconds float8, rescued boolean)
), ended AS (
    DELETE FROM lapinq_running r
     USING input i
     WHERE r.id = i.id
       AND r.token = i.token
    RETURNING r.id, CASE WHEN NOT coalesce(i.rescued, false) THEN r.token END AS token, r.queue_name, r.rank, r.attempt,
              r.worker_id, r.claimed_at, r.expires_at,
              i.final, i.counts, i.delay, i.error, i.traceback, i.run_seconds
), recorded AS (
    INSERT INTO lapinq_attempts (task_id, attempt, final, outcome, error, traceback, run_seconds, claimed_at,
                                 finished_at, worker_id, token)
    SELECT id, attempt, final, CASE WHEN counts THEN 'failed' ELSE 'released' END, error, traceback, run_seconds,
           claimed_at, lapinq_now(), worker_id, token
      FROM ended
), ready AS (
    INSERT INTO lapinq_ready (queue_name, rank, id, starts, expires_at)
    SELECT queue_name, rank, id, CASE WHEN counts THEN attempt ELSE attempt - 1 END, expires_at
      FROM ended
     WHERE NOT final
       AND coalesce(delay, 0) <= 0
     ORDER BY id
), delayed AS (
    INSERT INTO lapinq_delayed (id, due_at, queue_name, rank, starts, expires_at)
    SELECT id, lapinq_now() + delay * interval '1 second', queue_name, rank,
           CASE WHEN counts THEN attempt ELSE attempt - 1 END, expires_at
      FROM ended
     WHERE NOT final
       AND delay > 0
), counted AS (
    INSERT INTO lapinq_counts (queue_name, pending, failed)
    SELECT queue_name, count(*) FILTER (WHERE NOT final), count(*) FILTER (WHERE final)
      FROM ended
     GROUP BY queue_name
)
SELECT id::text, CASE WHEN NOT final AND coalesce(delay, 0) <= 0 THEN queue_name END FROM ended
