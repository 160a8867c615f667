-- The claim of a running task, NULL if it is not running; no row for an unknown one.
-- Locks nothing. Relies on the primary keys.
SELECT r.seq
  FROM lapinq_tasks t
  LEFT JOIN lapinq_running r ON r.id = t.id
 WHERE t.id = %(id)s::uuid
