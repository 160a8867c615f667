-- Waits for a signal of suspended tasks, the oldest first: at most `limit`, those after the one that `after_*` name.
-- Leaves out those of tasks that have ended, that are running again, and that wait for a retry first, and those that the last
-- attempt did not come to.
-- Locks nothing. Relies on lapinq_steps_waiting, from the place after which it reads, and the primary keys.
SELECT s.task_id::text, t.task_name, d.queue_name, s.names, s.started_at, s.due_at, s.name, s.occurrence
  FROM lapinq_steps s
  JOIN lapinq_delayed d ON d.id = s.task_id
                       AND d.starts = s.attempt - 1
  JOIN lapinq_tasks t ON t.id = s.task_id
 WHERE s.kind = 'signal'
   AND s.ended_at IS NULL
   AND s.claim_seq = (SELECT max(x.claim_seq)
                        FROM lapinq_steps x
                       WHERE x.task_id = s.task_id
                         AND x.ended_at IS NULL)
   AND (%(after_since)s::timestamptz IS NULL
        OR s.started_at >= %(after_since)s::timestamptz
           AND (s.started_at, s.task_id, s.name, s.occurrence)
               > (%(after_since)s::timestamptz, %(after_task)s::uuid, %(after_step)s::text, %(after_occurrence)s::bigint))
   AND (%(queue)s::text IS NULL OR d.queue_name = %(queue)s::text)
   AND (%(queues)s::text[] IS NULL OR d.queue_name = ANY (%(queues)s::text[]))
   AND (%(task_id)s::uuid IS NULL OR s.task_id = %(task_id)s::uuid)
   AND (%(name)s::text IS NULL OR %(name)s::text = ANY (s.names))
 ORDER BY s.started_at, s.task_id, s.name, s.occurrence
 LIMIT greatest(0, %(limit)s::integer)
