-- name: is_small_queue
-- Whether at most 2,000 tasks of a queue are ready.
-- Locks nothing. Relies on lapinq_ready_claim, of which it reads that many entries.
SELECT count(*) <= 2000
  FROM (SELECT
          FROM lapinq_ready
         WHERE queue_name = %(queue)s::text
         ORDER BY queue_name, rank, seq
         LIMIT 2001) AS ready

-- name: schedules_of
-- The names of the schedules that enqueued some tasks, by task id. Tasks that none did are left out.
-- Locks nothing. Relies on lapinq_ticks_task_id and lapinq_schedules_pkey.
SELECT k.task_id::text, s.name
  FROM lapinq_ticks k
  JOIN lapinq_schedules s ON s.id = k.schedule_id
 WHERE k.task_id = ANY (%(ids)s::uuid[])
