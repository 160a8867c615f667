-- Gives a task the steps and waits of an earlier one that have ended, and that began before the step `name`; `with_signals` says
-- whether waits for signals are among them. Returns whether the earlier task has that step. Locks nothing. Relies on lapinq_steps_pkey.
WITH earlier AS MATERIALIZED (
    SELECT *
      FROM lapinq_steps
     WHERE task_id = %(earlier_id)s::uuid
       AND kind IN ('step', 'sleep', 'signal', 'task', 'spawn')
), first AS (
    SELECT started_at, name, occurrence
      FROM earlier
     WHERE name = %(name)s::text
       AND occurrence = %(occurrence)s::bigint
), copied AS (
    INSERT INTO lapinq_steps (task_id, name, occurrence, kind, outcome, result, started_at, ended_at, due_at, attempt, version,
                              names, child_id)
    SELECT %(id)s::uuid, e.name, e.occurrence, e.kind, e.outcome, e.result, e.started_at, e.ended_at, e.due_at, 0, e.version,
           e.names, e.child_id
      FROM earlier e
      JOIN first f ON (e.started_at, e.name, e.occurrence) < (f.started_at, f.name, f.occurrence)
     WHERE e.ended_at IS NOT NULL
       AND (e.kind <> 'signal' OR %(with_signals)s::boolean)
)
SELECT EXISTS (SELECT FROM first)
