-- Where steps differ from their tasks: the kind of difference, and the task. Up to a hundred of each.
-- `asleep`: a task is suspended, and has what it waits for. `lone`: steps whose task is gone.
-- Left out is the end of a task whose waiter looks again by itself, as its end may be missed (lapinq_hold_child_1).
-- Locks nothing. Reads lapinq_steps whole; relies on the primary keys and lapinq_attempts_final.
WITH suspended AS MATERIALIZED (
    SELECT DISTINCT d.id, d.starts, d.due_at
      FROM lapinq_steps s
      JOIN lapinq_delayed d ON d.id = s.task_id
     WHERE s.ended_at IS NULL
       AND s.kind IN ('signal', 'task')
       AND d.due_at > lapinq_now()
       AND d.due_at < lapinq_never()
)
(SELECT 'asleep', d.id::text
   FROM suspended d
  WHERE EXISTS (SELECT
                  FROM lapinq_waits_1(d.id, d.starts) AS w
                 WHERE w.kind = 'signal'
                   AND EXISTS (SELECT FROM lapinq_steps x WHERE x.task_id = d.id AND x.kind = 'sent' AND x.name = ANY (w.names))
                    OR w.kind = 'task'
                   AND d.due_at >= lapinq_until_woken()
                   AND EXISTS (SELECT FROM lapinq_child_outcome_1(w.child_id)))
  LIMIT 100)
UNION ALL
(SELECT 'lone', l.task_id::text
   FROM (SELECT DISTINCT task_id FROM lapinq_steps) AS l
  WHERE NOT EXISTS (SELECT FROM lapinq_tasks t WHERE t.id = l.task_id)
  LIMIT 100)
