-- Counts the next `limit` tasks after the id `after` in the partitions of a week, {tasks} and {attempts}, by queue and
-- final status (NULL: none). Returns for each the tasks, how many of them ended longer ago than their status is kept, in
-- seconds, and the last id.
-- Locks nothing. Relies on the primary key of the one partition, lapinq_attempts_final of the other, and the settings of
-- `bulk.py`.
WITH looked AS MATERIALIZED (
    SELECT id, queue_name
      FROM {tasks}
     WHERE id > %(after)s::uuid
     ORDER BY id
     LIMIT %(limit)s::integer
)
SELECT l.queue_name,
       a.outcome,
       count(*),
       count(*) FILTER (
           WHERE a.finished_at <= lapinq_now() - interval '1 second' * CASE a.outcome
                     WHEN 'completed' THEN %(completed)s::bigint
                     WHEN 'failed' THEN %(failed)s::bigint
                     WHEN 'cancelled' THEN %(cancelled)s::bigint
                     WHEN 'expired' THEN %(expired)s::bigint
                 END),
       max(l.id::text COLLATE "C")
  FROM looked l
  LEFT JOIN {attempts} a ON a.task_id = l.id AND a.final
 GROUP BY l.queue_name, a.outcome
