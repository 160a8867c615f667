-- Claims tasks of one queue: out of ready, into running. {picked} picks them: pick_plain.sql or pick_governed.sql.
-- An unknown or dead worker gets nothing, and a paused queue gives nothing. Leaves tasks past their time to live to
-- expire.sql. An attempt is overdue `margin` seconds after its task's own time limit, or after `lease` seconds.
-- Takes nothing if one of the tasks has an id before `since`, or not before `until`. The caller replaces both by
-- constants, so that the plan has only the partitions between them. OFFSET 0 keeps the lookup a lookup by id: without
-- it PostgreSQL may read all tasks between the bounds, once.
-- Returns one JSON cell: an array per task; "elsewhere" if it took nothing for that reason; else {otherwise}. A task to be
-- profiled runs alone in a fresh process, as if it were isolated. A task of a lane has its rank without the distance that
-- keeps it from plain claims. Here date_part costs half of extract, which goes through numeric.
-- Takes at most `isolated` tasks that must run alone, what the worker can start now; it picked the others for nothing.
-- {charged}, {also} and the order of the answer are for pick_governed.sql.
-- Locks the rows that {picked} picks. Relies on lapinq_tasks_pkey, on a pinned connection: by statistics a scan of the task
-- table may look cheaper.
WITH RECURSIVE {picked}, taken AS (
    DELETE FROM lapinq_ready r
     WHERE r.ctid = ANY ((SELECT array_agg(ctid) FROM picked HAVING bool_and(is_here))::tid[])
       AND (r.isolation < 2 OR r.ctid = ANY (ARRAY(SELECT ctid FROM picked WHERE is_isolated LIMIT %(isolated)s::integer)))
    RETURNING r.id, r.rank, r.seq, r.starts, r.expires_at, r.isolation, r.since, r.lane, r.units
), claimed AS MATERIALIZED (
    SELECT k.*, nextval('lapinq_claim_seq') AS claim_seq, t.task_name, t.module_path, t.args, t.kwargs, t.max_retries,
           t.retry_delay, t.retry_backoff, t.timeout_seconds, t.created_at, t.metadata, t.request_id,
           t.profile,
           coalesce(k.since, greatest(t.created_at, t.scheduled_at)) AS due_at,
           t.webhook_url IS NOT NULL AS has_webhook
      FROM taken k
     CROSS JOIN LATERAL (SELECT *
                           FROM lapinq_tasks
                          WHERE id = k.id AND id >= %(since)s::uuid AND id < %(until)s::uuid
                         OFFSET 0) AS t
), leased AS (
    INSERT INTO lapinq_running (id, token, seq, worker_id, queue_name, rank, attempt, claimed_at, deadline_at, expires_at,
                                isolation, has_webhook, lane, units)
    SELECT id, %(token)s::uuid, claim_seq, %(worker)s::uuid, %(queue)s::text, rank, starts + 1, lapinq_now(),
           lapinq_now() + coalesce(timeout_seconds + %(margin)s::float8, %(lease)s::float8) * interval '1 second',
           expires_at, isolation, has_webhook, lane, units
      FROM claimed
), counted AS (
    INSERT INTO lapinq_counts (queue_name, pending)
    SELECT %(queue)s::text, -count(*)
      FROM taken
    HAVING count(*) > 0
){charged}
SELECT coalesce(
           json_agg(json_build_array(id, task_name, module_path, args, kwargs, starts + 1, max_retries, retry_delay,
                                     retry_backoff, CASE WHEN lane IS NULL THEN rank ELSE rank - 2199023255552 END,
                                     seq, extract(epoch FROM expires_at - lapinq_now())::float8,
                                     timeout_seconds, claim_seq, date_part('epoch', created_at), metadata,
                                     CASE WHEN profile THEN 2 ELSE isolation END,
                                     CASE WHEN starts = 0 THEN date_part('epoch', lapinq_now() - due_at) END,
                                     request_id, profile)
                    ORDER BY {order})::text,
           (SELECT '"elsewhere"' FROM picked HAVING NOT bool_and(is_here)),
           {otherwise}){also}
  FROM {ordered}
