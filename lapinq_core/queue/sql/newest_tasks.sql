-- The newest tasks in a few words each: for how long they have been there, and ran, by the database's clock, in seconds.
-- {picked} is a query for their ids (`filters.py`). Locks nothing. Relies on the primary keys and lapinq_attempts_final.
WITH picked AS MATERIALIZED (
    {picked}
)
SELECT d.id::text,
       d.status,
       d.task_name,
       d.queue_name,
       d.attempts,
       d.created_at,
       extract(epoch FROM lapinq_now() - d.created_at)::float8,
       extract(epoch FROM coalesce(d.completed_at, lapinq_now()) - d.started_at)::float8,
       left(d.error, 200)
  FROM picked
  JOIN lapinq_task_details d ON d.id = picked.id
 ORDER BY d.id DESC
