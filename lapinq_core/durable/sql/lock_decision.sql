-- The decision of a link, and what became of it, for the one who decides. Relies on lapinq_links_pkey.
-- Locks it: of two who decide at once, the later one sees what the first has done.
SELECT d.id, d.task_id::text, d.name, d.title, d.question, d.schema, d.decided_at, d.decided_by, l.expires_at <= lapinq_now()
  FROM lapinq_links l
  JOIN lapinq_decisions d ON d.id = l.decision_id
 WHERE l.token_hash = %(hash)s::bytea
   FOR NO KEY UPDATE OF d
