-- Takes up to `limit` fire-and-forget tasks: the row is deleted, and with it all that is left of the task.
-- Answers one JSON cell in the form of claim.sql, without id and time to live; NULL when there is none.
-- Locks the rows it takes, skipping those that others have locked. Relies on the primary key where queues are named.
WITH picked AS MATERIALIZED (
    SELECT ctid
      FROM lapinq_transient
     WHERE (%(queues)s::text[] IS NULL OR queue_name = ANY (%(queues)s::text[]))
       AND due_at <= lapinq_now()
     ORDER BY rank, seq
     LIMIT %(limit)s::integer
       FOR UPDATE SKIP LOCKED
), taken AS (
    DELETE FROM lapinq_transient x
     USING picked
     WHERE x.ctid = picked.ctid
    RETURNING x.task_name, x.module_path, x.args, x.kwargs, x.rank, x.seq
)
SELECT json_agg(json_build_array('', task_name, module_path, args, kwargs, 1, 0, 0.0, false, rank, seq)
                ORDER BY rank, seq)::text
  FROM taken
