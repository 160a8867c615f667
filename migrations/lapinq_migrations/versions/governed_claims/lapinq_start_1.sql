-- Moves picked tasks of a queue from ready to running. Returns them in the form of claim.sql, in the order of `picked`.
-- Of a queue with a circuit breaker it notes the attempts, and which one is the probe.
-- The bounds of the ids leave only the partitions between them. OFFSET 0 keeps the lookup a lookup by id.
-- The caller has locked the rows. Relies on lapinq_tasks_pkey.
CREATE FUNCTION lapinq_start_1(
    queue text, worker uuid, token uuid, picked tid[], ids uuid[], lease float8, margin float8, has_breaker boolean,
    OUT claims text
) LANGUAGE plpgsql AS $function$
DECLARE
    lowest CONSTANT uuid := (SELECT id FROM unnest(ids) AS id ORDER BY id LIMIT 1);
    highest CONSTANT uuid := (SELECT id FROM unnest(ids) AS id ORDER BY id DESC LIMIT 1);
BEGIN
    WITH gone AS (
        DELETE FROM lapinq_ready r
         USING unnest(picked) WITH ORDINALITY AS p (row_id, turn)
         WHERE r.ctid = p.row_id
        RETURNING p.turn, r.id, r.rank, r.seq, r.starts, r.expires_at, r.isolation, r.since, r.lane, r.units
    ), claimed AS MATERIALIZED (
        SELECT k.*, nextval('lapinq_claim_seq') AS claim_seq, x.task_name, x.module_path, x.args, x.kwargs, x.max_retries,
               x.retry_delay, x.retry_backoff, x.timeout_seconds, x.created_at, x.metadata, x.request_id, x.profile,
               coalesce(k.since, greatest(x.created_at, x.scheduled_at)) AS due_at,
               x.webhook_url IS NOT NULL AS has_webhook
          FROM gone k
         CROSS JOIN LATERAL (SELECT *
                               FROM lapinq_tasks y
                              WHERE y.id = k.id AND y.id >= lowest AND y.id <= highest
                             OFFSET 0) AS x
    ), leased AS (
        INSERT INTO lapinq_running (id, token, seq, worker_id, queue_name, rank, attempt, claimed_at, deadline_at,
                                    expires_at, isolation, has_webhook, lane, units)
        SELECT c.id, lapinq_start_1.token, c.claim_seq, worker, queue, c.rank, c.starts + 1, lapinq_now(),
               lapinq_now() + coalesce(c.timeout_seconds + margin, lease) * interval '1 second',
               c.expires_at, c.isolation, c.has_webhook, c.lane, c.units
          FROM claimed c
    ), counted AS (
        INSERT INTO lapinq_counts (queue_name, pending) VALUES (queue, -cardinality(picked))
    ), followed AS (
        INSERT INTO lapinq_breaker_starts (queue_name, seq, task_id, claimed_at)
        SELECT queue, c.claim_seq, c.id, lapinq_now()
          FROM claimed c
         WHERE has_breaker
    ), probed AS (
        UPDATE lapinq_breakers b
           SET probe_id = c.id,
               probe_seq = c.claim_seq
          FROM claimed c
         WHERE has_breaker
           AND b.queue_name = queue
           AND b.state = 'half_open'
    )
    SELECT json_agg(json_build_array(c.id, c.task_name, c.module_path, c.args, c.kwargs, c.starts + 1, c.max_retries,
                                     c.retry_delay, c.retry_backoff,
                                     CASE WHEN c.lane IS NULL THEN c.rank ELSE c.rank - 2199023255552 END, c.seq,
                                     extract(epoch FROM c.expires_at - lapinq_now())::float8, c.timeout_seconds,
                                     c.claim_seq, date_part('epoch', c.created_at), c.metadata,
                                     CASE WHEN c.profile THEN 2 ELSE c.isolation END,
                                     CASE WHEN c.starts = 0 THEN date_part('epoch', lapinq_now() - c.due_at) END,
                                     c.request_id, c.profile)
                    ORDER BY c.turn)::text
      INTO claims
      FROM claimed c;
END
$function$;
