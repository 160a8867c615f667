-- The claim of a task that runs, NULL of one that does not; no row for an unknown one. Locks nothing. Relies on the
-- primary keys.
SELECT r.seq
  FROM lapinq_tasks t
  LEFT JOIN lapinq_running r ON r.id = t.id
 WHERE t.id = %(id)s::uuid
