-- The running tasks that were claimed first, at most `most`, of `queues` or of all (NULL), with their worker.
-- Locks nothing. Reads all of lapinq_running, which holds no more than workers run, and finds the names by primary key.
SELECT r.id::text,
       (SELECT t.task_name FROM lapinq_tasks t WHERE t.id = r.id),
       r.queue_name,
       r.attempt,
       r.claimed_at,
       greatest(round(extract(epoch FROM lapinq_now() - r.claimed_at)::numeric, 3), 0)::float8,
       r.progress,
       r.cancel_requested_at IS NOT NULL,
       r.worker_id::text,
       (SELECT w.name FROM lapinq_workers w WHERE w.id = r.worker_id)
  FROM (SELECT *
          FROM lapinq_running
         WHERE %(queues)s::text[] IS NULL
            OR queue_name = ANY (%(queues)s::text[])
         ORDER BY claimed_at, seq
         LIMIT %(most)s::integer) AS r
 ORDER BY r.claimed_at, r.seq
