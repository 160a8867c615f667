-- name: dead_workers
-- Workers that were declared dead in the last `seconds`, the last one first, at most `most`: id, name, time, and how many there
-- are. A worker that stops deletes its row. Locks nothing. Scans workers, which are few.
SELECT id::text, name, dead_at, count(*) OVER ()
  FROM lapinq_workers
 WHERE dead_at >= lapinq_now() - %(seconds)s::float8 * interval '1 second'
 ORDER BY dead_at DESC, id
 LIMIT %(most)s::integer

-- name: recent_levels
-- The samples of the last `seconds` of the minute's span, newest first: queue, seconds ago, ready; of `queues`, or of all
-- (NULL). A queue that had nothing has no row. Samples without a number of ready tasks are left out; queue '' tells when others were taken.
-- Locks nothing. Relies on lapinq_levels_pkey.
SELECT queue_name, extract(epoch FROM lapinq_now() - sampled_at)::float8, ready
  FROM lapinq_levels
 WHERE span = %(span)s::integer
   AND since > lapinq_now() - make_interval(secs => %(seconds)s::integer)
   AND ready IS NOT NULL
   AND (%(queues)s::text[] IS NULL OR queue_name = ANY (%(queues)s::text[]))
 ORDER BY since DESC

-- name: record_task_rollups
-- Appends what happened to the tasks of a name in a queue: a row for each and for each of `spans`, whose time is the
-- database's, rounded down. Takes a JSON array of objects, named like the columns. Locks nothing and reads nothing.
INSERT INTO lapinq_task_rollups (
       span, since, queue_name, task_name, completed, failed, retried, runs, slow_ids, slow_seconds)
SELECT span, date_bin(make_interval(secs => span), lapinq_now(), to_timestamp(0)),
       queue_name, task_name, completed, failed, retried, runs, slow_ids, slow_seconds
  FROM json_to_recordset(%(figures)s::json) AS i (
       queue_name text, task_name text, completed bigint, failed bigint, retried bigint, runs bigint[], slow_ids uuid[],
       slow_seconds double precision[])
 CROSS JOIN unnest(%(spans)s::integer[]) AS s (span)

-- name: schedules_late
-- How many seconds the earliest tick is overdue, if by more than `late`; otherwise no row.
-- Locks nothing. Relies on lapinq_schedules_next_fire_at.
SELECT date_part('epoch', lapinq_now() - next_fire_at)
  FROM lapinq_schedules
 WHERE next_fire_at < lapinq_now() - %(late)s::float8 * interval '1 second'
 ORDER BY next_fire_at
 LIMIT 1
