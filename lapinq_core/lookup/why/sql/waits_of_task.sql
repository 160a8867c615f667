-- What a suspended task waits for, the oldest first: how many waits there are, and `limit` of them with the status of the task that
-- each waits for. No row for a task that isn't suspended.
-- Locks nothing. Relies on lapinq_steps_pkey, and on the indexes of lapinq_task_details.
SELECT count(*) OVER (),
       w.kind,
       CASE WHEN w.kind = 'signal' THEN w.names ELSE '{}' END,
       w.child_id::text,
       CASE WHEN w.kind = 'task'
            THEN coalesce((SELECT c.status FROM lapinq_task_details c WHERE c.id = w.child_id), 'deleted')
       END,
       w.started_at,
       w.due_at
  FROM lapinq_delayed d
 CROSS JOIN LATERAL lapinq_waits_1(d.id, d.starts) AS w
 WHERE d.id = %(id)s::uuid
 ORDER BY w.started_at, w.name, w.occurrence
 LIMIT greatest(0, %(limit)s::integer)
