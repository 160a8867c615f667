-- Claims up to `limit` tasks of one queue, in order of rank and entry: out of ready, into running. Of a queue that a policy
-- governs, or of which there is news of a lane, it takes nothing: lapinq_claim_governed_2 claims from those.
-- Starts at the mark, the last key this worker claimed, so that it doesn't walk the entries deleted since. `max_rank` keeps
-- it from passing a higher priority in another queue, and from tasks that wait in lanes. The row comparison leaves out the
-- queue: with it, beside the equality, PostgreSQL would start at the queue's first entry, dead ones included, and only
-- filter by the mark.
-- An unknown or dead worker gets nothing, and a paused queue gives nothing. Leaves tasks past their time to live to
-- expire.sql. An attempt is overdue `margin` seconds after its task's own time limit, or after `lease` seconds. Takes at
-- most `isolated` tasks that must run alone, what the worker can start now; it picked the others for nothing.
-- Takes nothing if one of the tasks has an id before `since`, or not before `until`. The caller replaces both by
-- constants, so that the plan has only the partitions between them. Of many, the lowest id rules out the older ones.
-- Reads the tasks by one array of ids: from PostgreSQL 17 on, neighbours are found without another descent of the index.
-- The full join is a fence. For any other, and for IS NOT NULL instead of num_nonnulls, PostgreSQL may compare each task
-- with each row, as statistics say that there are few.
-- Returns one JSON cell: an array per task; "elsewhere" if it took nothing for that reason; "governed" for such a queue. A
-- task to be profiled runs alone in a fresh process, as if it were isolated. Here date_part costs half of extract, which
-- goes through numeric.
-- Locks the rows it picks, skipping locked ones. Relies on lapinq_ready_claim, lapinq_tasks_pkey and lapinq_lane_news_pkey,
-- on a pinned connection: by statistics a scan of the task table may look cheaper.
WITH picked AS MATERIALIZED (
    SELECT ctid, id >= %(since)s::uuid AND id < %(until)s::uuid AS is_here, isolation >= 2 AS is_isolated
      FROM lapinq_ready
     WHERE queue_name = %(queue)s::text
       AND (rank, seq) >= (%(mark_rank)s::bigint, %(mark_seq)s::bigint)
       AND rank <= %(max_rank)s::bigint
       AND (expires_at IS NULL OR expires_at > lapinq_now())
       AND (isolation < 2 OR %(isolated)s::integer > 0)
       AND EXISTS (SELECT FROM lapinq_workers w WHERE w.id = %(worker)s::uuid AND w.dead_at IS NULL)
       AND NOT EXISTS (SELECT
                         FROM lapinq_queues q
                        WHERE q.name = %(queue)s::text
                          AND (q.paused_at IS NOT NULL OR q.is_governed))
       AND NOT EXISTS (SELECT FROM lapinq_lane_news WHERE queue_name = %(queue)s::text)
     ORDER BY queue_name, rank, seq
     LIMIT %(limit)s::integer
       FOR UPDATE SKIP LOCKED
), taken AS (
    DELETE FROM lapinq_ready r
     WHERE r.ctid = ANY ((SELECT array_agg(ctid) FROM picked HAVING bool_and(is_here))::tid[])
       AND (r.isolation < 2 OR r.ctid = ANY (ARRAY(SELECT ctid FROM picked WHERE is_isolated LIMIT %(isolated)s::integer)))
    RETURNING r.id, r.rank, r.seq, r.starts, r.expires_at, r.isolation, r.since
), claimed AS MATERIALIZED (
    SELECT k.*, nextval('lapinq_claim_seq') AS claim_seq, t.task_name, t.module_path, t.args, t.kwargs, t.max_retries,
           t.retry_delay, t.retry_backoff, t.timeout_seconds, t.created_at, t.metadata, t.request_id,
           t.profile,
           coalesce(k.since, greatest(t.created_at, t.scheduled_at)) AS due_at,
           t.webhook_url IS NOT NULL AS has_webhook
      FROM taken k
      FULL JOIN (SELECT *
                   FROM lapinq_tasks
                  WHERE id = ANY ((SELECT array_agg(id) FROM taken)::uuid[])
                    AND id >= (SELECT id FROM taken ORDER BY id LIMIT 1)
                    AND id >= %(since)s::uuid AND id < %(until)s::uuid) AS t ON t.id = k.id
     WHERE num_nonnulls(k.id, t.id) = 2
), leased AS (
    INSERT INTO lapinq_running (id, token, seq, worker_id, queue_name, rank, attempt, claimed_at, deadline_at, expires_at,
                                isolation, has_webhook)
    SELECT id, %(token)s::uuid, claim_seq, %(worker)s::uuid, %(queue)s::text, rank, starts + 1, lapinq_now(),
           lapinq_now() + coalesce(timeout_seconds + %(margin)s::float8, %(lease)s::float8) * interval '1 second',
           expires_at, isolation, has_webhook
      FROM claimed
), counted AS (
    INSERT INTO lapinq_counts (queue_name, pending)
    SELECT %(queue)s::text, -count(*)
      FROM taken
    HAVING count(*) > 0
)
SELECT coalesce(
           json_agg(json_build_array(id, task_name, module_path, args, kwargs, starts + 1, max_retries, retry_delay,
                                     retry_backoff, rank, seq, extract(epoch FROM expires_at - lapinq_now())::float8,
                                     timeout_seconds, claim_seq, date_part('epoch', created_at), metadata,
                                     CASE WHEN profile THEN 2 ELSE isolation END,
                                     CASE WHEN starts = 0 THEN date_part('epoch', lapinq_now() - due_at) END,
                                     request_id, profile)
                    ORDER BY rank, seq)::text,
           (SELECT '"elsewhere"' FROM picked HAVING NOT bool_and(is_here)),
           (SELECT '"governed"'
             WHERE EXISTS (SELECT FROM lapinq_queues WHERE name = %(queue)s::text AND is_governed AND paused_at IS NULL)
                OR EXISTS (SELECT FROM lapinq_lane_news WHERE queue_name = %(queue)s::text)))
  FROM claimed
