-- Subtracts the tasks of a week from the counts, if all of them ended longer ago than their status is kept, in seconds,
-- and none is pending or running. Returns whether it did, and how many there are.
-- Locks nothing: the transaction holds locks on {tasks} and {attempts}, the week's partitions, which it reads
-- completely. Relies on the primary keys of ready, delayed and running.
WITH held AS MATERIALIZED (
    SELECT t.queue_name,
           a.outcome,
           count(*) AS tasks,
           count(*) FILTER (
               WHERE a.finished_at <= lapinq_now() - interval '1 second' * CASE a.outcome
                         WHEN 'completed' THEN %(completed)s::bigint
                         WHEN 'failed' THEN %(failed)s::bigint
                         WHEN 'cancelled' THEN %(cancelled)s::bigint
                         WHEN 'expired' THEN %(expired)s::bigint
                     END) AS over
      FROM {tasks} t
      LEFT JOIN {attempts} a ON a.task_id = t.id AND a.final
     GROUP BY t.queue_name, a.outcome
), verdict AS MATERIALIZED (
    SELECT NOT EXISTS (SELECT FROM held WHERE over < tasks)
           AND NOT EXISTS (SELECT FROM lapinq_ready WHERE id >= %(lower)s::uuid AND id < %(upper)s::uuid)
           AND NOT EXISTS (SELECT FROM lapinq_delayed WHERE id >= %(lower)s::uuid AND id < %(upper)s::uuid)
           AND NOT EXISTS (SELECT FROM lapinq_running WHERE id >= %(lower)s::uuid AND id < %(upper)s::uuid) AS may_go
), counted AS (
    INSERT INTO lapinq_counts (queue_name, completed, failed, cancelled, expired)
    SELECT queue_name,
           -coalesce(sum(tasks) FILTER (WHERE outcome = 'completed'), 0),
           -coalesce(sum(tasks) FILTER (WHERE outcome = 'failed'), 0),
           -coalesce(sum(tasks) FILTER (WHERE outcome = 'cancelled'), 0),
           -coalesce(sum(tasks) FILTER (WHERE outcome = 'expired'), 0)
      FROM held
     WHERE (SELECT may_go FROM verdict)
     GROUP BY queue_name
)
SELECT may_go, (SELECT coalesce(sum(tasks), 0)::bigint FROM held)
  FROM verdict
