-- Deletes the steps of those of `limit` tasks that are gone, and the waits and signals of those that have ended for good: that
-- nobody can requeue, nor a retry of their workflow reopen. The tasks are the next after `after` that have steps. Deletes at
-- most `most_rows`. Returns how many, how many tasks it looked at, and the last of them.
-- Locks the rows that it deletes. Relies on lapinq_steps_pkey, in which it skips from task to task, lapinq_attempts_final and
-- primary keys.
WITH RECURSIVE looked (id) AS (
    (SELECT task_id FROM lapinq_steps WHERE task_id > %(after)s::uuid ORDER BY task_id LIMIT 1)
     UNION ALL
    SELECT (SELECT s.task_id FROM lapinq_steps s WHERE s.task_id > l.id ORDER BY s.task_id LIMIT 1)
      FROM looked l
     WHERE l.id IS NOT NULL
), picked AS MATERIALIZED (
    SELECT id FROM looked WHERE id IS NOT NULL LIMIT greatest(0, %(limit)s::integer)
), gone AS (
    DELETE FROM lapinq_steps
     WHERE ctid = ANY (ARRAY(SELECT s.ctid
                               FROM picked p
                              CROSS JOIN LATERAL (SELECT NOT EXISTS (SELECT FROM lapinq_tasks t WHERE t.id = p.id) AS is_gone,
                                                         EXISTS (SELECT
                                                                   FROM lapinq_attempts a
                                                                  WHERE a.task_id = p.id
                                                                    AND a.final
                                                                    AND (a.outcome = 'completed'
                                                                         OR a.outcome <> 'failed'
                                                                        AND NOT EXISTS (SELECT
                                                                                          FROM lapinq_workflow_tasks m
                                                                                          JOIN lapinq_workflows w ON w.id = m.workflow_id
                                                                                         WHERE m.task_id = p.id
                                                                                           AND w.cancelled_at IS NULL))) AS has_ended
                                                  OFFSET 0) AS t
                              CROSS JOIN LATERAL (SELECT x.ctid, x.ended_at, x.kind FROM lapinq_steps x WHERE x.task_id = p.id) AS s
                              WHERE t.is_gone
                                 OR t.has_ended AND s.ended_at IS NULL AND s.kind <> 'lock'
                              LIMIT greatest(0, %(most_rows)s::integer)))
    RETURNING 1
)
SELECT (SELECT count(*) FROM gone), (SELECT count(*) FROM picked), (SELECT id::text FROM picked ORDER BY id DESC LIMIT 1)
