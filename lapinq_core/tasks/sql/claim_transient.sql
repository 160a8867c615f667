-- Takes up to `limit` fire-and-forget tasks by deleting their rows: nothing is left of them.
-- Returns one JSON cell as claim.sql does, without id and time to live, with the queue at the end; NULL for none. Skips
-- paused queues. With `in_order` the queues come in the order given, each by rank and entry.
-- Locks the rows it takes, skipping locked ones. Relies on the primary key if queues are named.
WITH picked AS MATERIALIZED (
    SELECT ctid
      FROM lapinq_transient
     WHERE (%(queues)s::text[] IS NULL OR queue_name = ANY (%(queues)s::text[]))
       AND due_at <= lapinq_now()
       AND queue_name NOT IN (SELECT name FROM lapinq_queues WHERE paused_at IS NOT NULL)
     ORDER BY CASE WHEN %(in_order)s::boolean THEN array_position(%(queues)s::text[], queue_name) END, rank, seq
     LIMIT %(limit)s::integer
       FOR UPDATE SKIP LOCKED
), taken AS (
    DELETE FROM lapinq_transient x
     USING picked
     WHERE x.ctid = picked.ctid
    RETURNING x.queue_name, x.task_name, x.module_path, x.args, x.kwargs, x.rank, x.seq, x.timeout_seconds, x.metadata,
              x.due_at, x.request_id
)
SELECT json_agg(json_build_array('', task_name, module_path, args, kwargs, 1, 0, 0.0, false, rank, seq, NULL,
                                 timeout_seconds, 0, NULL, metadata, 0,
                                 date_part('epoch', lapinq_now() - due_at), request_id, queue_name)
                ORDER BY CASE WHEN %(in_order)s::boolean THEN array_position(%(queues)s::text[], queue_name) END,
                         rank, seq)::text
  FROM taken
