-- Claims tasks of several queues at once: out of ready, into running. As claim.sql, but the queues come in
-- the order given, each from its mark on and with up to its own limit, until together they have given `limit`. So those after
-- the last one that gave something may not have been asked.
-- Returns a JSON cell as claim.sql does, without {otherwise}, and with the queue at the end of each task; and the queues that
-- it left out because a policy governs their starts, or because there is news of a lane.
-- Locks the rows it picks, queue by queue, skipping locked ones. Relies on lapinq_ready_claim, lapinq_tasks_pkey and the
-- primary keys of queues and lane news, on a pinned connection; compares rows, and joins, as claim.sql does, and
-- reads the newest version of a queue's row first, as lapinq_claim_governed_2 does.
WITH asked AS MATERIALIZED (
    SELECT a.queue_name, a.mark_rank, a.mark_seq, a.most, q.paused_at IS NOT NULL AS is_paused,
           q.is_governed IS TRUE
           OR EXISTS (SELECT FROM lapinq_lane_news n WHERE n.queue_name = a.queue_name OFFSET 0) AS is_governed
      FROM unnest(%(queues)s::text[], %(mark_ranks)s::bigint[], %(mark_seqs)s::bigint[], %(limits)s::integer[])
           AS a (queue_name, mark_rank, mark_seq, most)
      LEFT JOIN LATERAL (
           SELECT paused_at, is_governed
             FROM lapinq_queues
            WHERE name BETWEEN a.queue_name AND a.queue_name
            ORDER BY name DESC
            LIMIT 1) AS q ON true
), picked AS MATERIALIZED (
    SELECT r.*
      FROM asked a
     CROSS JOIN LATERAL (
           SELECT ctid AS row_id, id >= %(since)s::uuid AND id < %(until)s::uuid AS is_here, isolation >= 2 AS is_isolated
             FROM lapinq_ready
            WHERE queue_name = a.queue_name
              AND (rank, seq) >= (a.mark_rank, a.mark_seq)
              AND rank <= %(max_rank)s::bigint
              AND (expires_at IS NULL OR expires_at > lapinq_now())
              AND (isolation < 2 OR %(isolated)s::integer > 0)
            ORDER BY queue_name, rank, seq
            LIMIT least(%(limit)s::integer, a.most)
              FOR UPDATE SKIP LOCKED) AS r
     WHERE NOT a.is_paused
       AND NOT a.is_governed
       AND EXISTS (SELECT FROM lapinq_workers w WHERE w.id = %(worker)s::uuid AND w.dead_at IS NULL)
     LIMIT %(limit)s::integer
), taken AS (
    DELETE FROM lapinq_ready r
     WHERE r.ctid = ANY ((SELECT array_agg(row_id) FROM picked HAVING bool_and(is_here))::tid[])
       AND (r.isolation < 2 OR r.ctid = ANY (ARRAY(SELECT row_id FROM picked WHERE is_isolated LIMIT %(isolated)s::integer)))
    RETURNING r.id, r.queue_name, r.rank, r.seq, r.starts, r.expires_at, r.isolation, r.since
), claimed AS MATERIALIZED (
    SELECT k.*, nextval('lapinq_claim_seq') AS claim_seq, t.task_name, t.module_path, t.args, t.kwargs, t.max_retries,
           t.retry_delay, t.retry_backoff, t.timeout_seconds, t.created_at, t.metadata, t.request_id, t.profile,
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
    SELECT id, %(token)s::uuid, claim_seq, %(worker)s::uuid, queue_name, rank, starts + 1, lapinq_now(),
           lapinq_now() + coalesce(timeout_seconds + %(margin)s::float8, %(lease)s::float8) * interval '1 second',
           expires_at, isolation, has_webhook
      FROM claimed
), counted AS (
    INSERT INTO lapinq_counts (queue_name, pending)
    SELECT queue_name, -count(*)
      FROM taken
     GROUP BY queue_name
)
SELECT coalesce(
           json_agg(json_build_array(id, task_name, module_path, args, kwargs, starts + 1, max_retries, retry_delay,
                                     retry_backoff, rank, seq, extract(epoch FROM expires_at - lapinq_now())::float8,
                                     timeout_seconds, claim_seq, date_part('epoch', created_at), metadata,
                                     CASE WHEN profile THEN 2 ELSE isolation END,
                                     CASE WHEN starts = 0 THEN date_part('epoch', lapinq_now() - due_at) END,
                                     request_id, profile, queue_name)
                    ORDER BY queue_name, rank, seq)::text,
           (SELECT '"elsewhere"' FROM picked HAVING NOT bool_and(is_here))),
       (SELECT array_agg(queue_name) FROM asked WHERE is_governed AND NOT is_paused)
  FROM claimed
