-- The decision of a link, with its task. Locks nothing. Relies on lapinq_links_pkey and other primary keys, and
-- lapinq_attempts_final.
SELECT d.task_id::text, d.name, d.title, d.question, d.schema, l.expires_at, d.decided_at, d.decided_by,
       l.expires_at <= lapinq_now(),
       NOT EXISTS (SELECT FROM lapinq_tasks t WHERE t.id = d.task_id)
       OR EXISTS (SELECT FROM lapinq_attempts a WHERE a.task_id = d.task_id AND a.final)
  FROM lapinq_links l
  JOIN lapinq_decisions d ON d.id = l.decision_id
 WHERE l.token_hash = %(hash)s::bytea
