-- Deletes, of up to `limit` decisions that follow the id `after`, those whose last link expired thirty days ago or whose task is
-- gone. Returns how many it deleted, how many it looked at, and the last of these.
-- Locks the rows it deletes and their links, skipping locked ones. Relies on lapinq_decisions_pkey, lapinq_tasks_pkey and
-- lapinq_links_decision_id.
WITH looked AS MATERIALIZED (
    SELECT id, task_id, expires_at
      FROM lapinq_decisions
     WHERE id > %(after)s::bigint
     ORDER BY id
     LIMIT greatest(0, %(limit)s::integer)
), idle AS MATERIALIZED (
    SELECT d.id
      FROM looked l
      JOIN lapinq_decisions d ON d.id = l.id
     WHERE l.expires_at <= lapinq_now() - interval '30 days'
        OR NOT EXISTS (SELECT FROM lapinq_tasks t WHERE t.id = l.task_id)
     ORDER BY d.id
       FOR UPDATE OF d SKIP LOCKED
), gone AS (
    DELETE FROM lapinq_decisions d
     WHERE d.id = ANY (SELECT id FROM idle)
    RETURNING true
)
SELECT (SELECT count(*) FROM gone),
       (SELECT count(*) FROM looked),
       (SELECT max(id) FROM looked)
