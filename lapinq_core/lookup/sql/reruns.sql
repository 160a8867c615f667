-- What a task repeats, and the latest `limit` tasks that repeat it, newest first; only tasks that exist. One row, or none
-- for an unknown id.
-- Locks nothing. Relies on lapinq_tasks_pkey and lapinq_audit_target.
SELECT (SELECT e.id::text FROM lapinq_tasks e WHERE e.id = t.rerun_of),
       (SELECT coalesce(json_agg(json_build_object('id', l.id, 'created_at', l.created_at) ORDER BY l.place), '[]')::text
          FROM (SELECT r.id, r.created_at, a.id * -1 AS place
                  FROM lapinq_audit a
                  JOIN lapinq_tasks r ON r.id = (a.details ->> 'task_id')::uuid
                 WHERE a.target = %(id)s::text
                   AND a.action = 'task.rerun'
                   AND r.id <> t.id
                 ORDER BY a.id DESC
                 LIMIT %(limit)s::integer) AS l)
  FROM lapinq_tasks t
 WHERE t.id = %(id)s::uuid
