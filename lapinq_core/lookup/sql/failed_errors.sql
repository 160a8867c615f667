-- The next {size} failed tasks before `before`, those of them that pass the filters, of which NULL lets all: queue, name,
-- first line of the error, when it failed, id. And a row without a queue that is always there: how many were looked at, in
-- place of the line, and the last id of them, NULL where there were fewer than {size}.
-- The inner limit keeps the planner from going through all tasks to find the few of a queue.
-- Nothing is grouped here, for the database sorts texts by its locale, which takes longer than all the rest.
-- {line} makes an error's first line of `f.error` (`filters.py`).
-- Locks nothing. Relies on lapinq_attempts_unsuccessful, lapinq_tasks_pkey and the settings of `backward_scan.py`.
WITH looked AS MATERIALIZED (
    SELECT f.task_id AS id, f.finished_at, coalesce({line}, '') AS line
      FROM lapinq_attempts f
     WHERE f.final
       AND f.outcome = 'failed'
       AND f.task_id < %(before)s::uuid
     ORDER BY f.task_id DESC
     LIMIT {size}
)
SELECT t.queue_name, t.task_name, l.line, l.finished_at, l.id::text
  FROM looked l
 CROSS JOIN LATERAL (
       SELECT queue_name, task_name
         FROM lapinq_tasks
        WHERE id = l.id
        LIMIT 1) AS t
 WHERE (%(queue)s::text IS NULL OR t.queue_name = %(queue)s::text)
   AND (%(task_name)s::text IS NULL OR t.task_name ILIKE %(task_name)s::text)
UNION ALL
SELECT NULL, NULL, (SELECT count(*) FROM looked)::text, NULL, (SELECT id FROM looked OFFSET {size} - 1 LIMIT 1)::text
