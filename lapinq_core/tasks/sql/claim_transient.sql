-- Takes up to `limit` fire-and-forget tasks by deleting their rows: nothing is left of them.
-- Returns one JSON cell as claim.sql does, without id and time to live, with the queue at the end; NULL for none. Skips
-- paused queues, and those with a policy: it returns the names of these if such tasks wait there, for
-- adopt_transient.sql. With `in_order` the queues come in the order given, each by rank and entry. Reads `limit` rows of
-- each queue, however many wait.
-- Locks the rows it reads, skipping locked ones. Relies on the primary keys.
WITH RECURSIVE names (name) AS (
    SELECT (SELECT min(queue_name) FROM lapinq_transient)
     WHERE %(queues)s::text[] IS NULL
    UNION ALL
    SELECT (SELECT min(t.queue_name) FROM lapinq_transient t WHERE t.queue_name > names.name)
      FROM names
     WHERE names.name IS NOT NULL
), served AS MATERIALIZED (
    SELECT s.name, CASE WHEN %(in_order)s::boolean THEN s.place END AS place, q.is_governed IS TRUE AS is_governed
      FROM (SELECT name, 1 AS place
              FROM names
             WHERE name IS NOT NULL
             UNION ALL
            SELECT named.name, named.place
              FROM unnest(%(queues)s::text[]) WITH ORDINALITY AS named (name, place)) AS s
      LEFT JOIN lapinq_queues q ON q.name = s.name
     WHERE q.paused_at IS NULL
), first AS MATERIALIZED (
    SELECT served.place, t.row_id, t.rank, t.seq
      FROM served
     CROSS JOIN LATERAL (
           SELECT ctid AS row_id, rank, seq
             FROM lapinq_transient
            WHERE queue_name = served.name
              AND NOT served.is_governed
              AND due_at <= lapinq_now()
            ORDER BY queue_name, rank, seq
            LIMIT %(limit)s::integer
              FOR UPDATE SKIP LOCKED) AS t
), picked AS MATERIALIZED (
    SELECT row_id
      FROM first
     ORDER BY place, rank, seq
     LIMIT %(limit)s::integer
), taken AS (
    DELETE FROM lapinq_transient x
     WHERE x.ctid = ANY ((SELECT array_agg(row_id) FROM picked)::tid[])
    RETURNING x.queue_name, x.task_name, x.module_path, x.args, x.kwargs, x.rank, x.seq, x.timeout_seconds, x.metadata,
              x.due_at, x.request_id
)
SELECT json_agg(json_build_array('', task_name, module_path, args, kwargs, 1, 0, 0.0, false, rank, seq, NULL,
                                 timeout_seconds, 0, NULL, metadata, 0,
                                 date_part('epoch', lapinq_now() - due_at), request_id, NULL, queue_name)
                ORDER BY CASE WHEN %(in_order)s::boolean THEN array_position(%(queues)s::text[], queue_name) END,
                         rank, seq)::text,
       ARRAY(SELECT name
               FROM served
              WHERE is_governed
                AND EXISTS (SELECT FROM lapinq_transient WHERE queue_name = served.name AND due_at <= lapinq_now()))
  FROM taken
