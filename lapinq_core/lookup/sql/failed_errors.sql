-- The matching ones of the next {size} failed tasks before `before`: queue, name, first line of the error, when it
-- failed, id. A filter that is NULL matches everything. One more row, always there, has no queue: in place of the line
-- it has how many tasks were scanned, and in place of the id the last one scanned, NULL if there were fewer than
-- {size}.
-- The inner limit keeps the planner from scanning all tasks for the few of a queue.
-- It doesn't group: the database sorts texts by its locale, which takes longer than all the rest.
-- {line} is an expression for the first line of `f.error` (`filters.py`).
-- Locks nothing. Relies on lapinq_attempts_unsuccessful, lapinq_tasks_pkey and the settings of `backward_scan.py`.
WITH scanned AS MATERIALIZED (
    SELECT f.task_id AS id, f.finished_at, coalesce({line}, '') AS line
      FROM lapinq_attempts f
     WHERE f.final
       AND f.outcome = 'failed'
       AND f.task_id < %(before)s::uuid
     ORDER BY f.task_id DESC
     LIMIT {size}
)
SELECT t.queue_name, t.task_name, l.line, l.finished_at, l.id::text
  FROM scanned l
 CROSS JOIN LATERAL (
       SELECT queue_name, task_name
         FROM lapinq_tasks
        WHERE id = l.id
        LIMIT 1) AS t
 WHERE (%(queue)s::text IS NULL OR t.queue_name = %(queue)s::text)
   AND (%(task_name)s::text IS NULL OR t.task_name ILIKE %(task_name)s::text)
UNION ALL
SELECT NULL, NULL, (SELECT count(*) FROM scanned)::text, NULL, (SELECT id FROM scanned OFFSET {size} - 1 LIMIT 1)::text
