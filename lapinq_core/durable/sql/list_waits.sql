-- Waits for a signal of suspended tasks, the oldest first: at most `limit`, those after the one that `after_*` name.
-- Leaves out those of tasks that have ended, that are running again, and that wait for a retry first, and those that the last
-- attempt did not come to.
-- Locks nothing. Relies on lapinq_steps_waiting, from the place after which it reads, and the primary keys: one lookup a wait,
-- whatever the planner estimates, until it has enough.
SELECT s.task_id::text, t.task_name, d.queue_name, s.names, s.started_at, s.due_at, s.name, s.occurrence
  FROM lapinq_steps s
 CROSS JOIN LATERAL (
       SELECT queue_name
         FROM lapinq_delayed
        WHERE id = s.task_id
          AND starts = s.attempt - 1
        LIMIT 1) AS d
 CROSS JOIN LATERAL (
       SELECT task_name
         FROM lapinq_tasks
        WHERE id = s.task_id
        LIMIT 1) AS t
 CROSS JOIN LATERAL (
       SELECT
         FROM lapinq_steps
        WHERE task_id = s.task_id
          AND ended_at IS NULL
       HAVING max(claim_seq) = s.claim_seq) AS last
 WHERE s.kind = 'signal'
   AND s.ended_at IS NULL
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
