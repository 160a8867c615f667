-- What blocks all tasks of a queue, as the next claim will find it: `paused`; `breaker`, its circuit breaker is not closed;
-- `queue_full`, `queue_rate`, what may run or start. `until` is when that ends, of a breaker when it tries the next task;
-- `probe` is the one that it tries. Starts that were given back and that no claim has read of count.
-- Planned with the statement that asks, which must have the whole row of the queue. Locks nothing. Reads what runs if the
-- queue has max_running. Relies on lapinq_lane_news_pkey and the primary keys.
CREATE FUNCTION lapinq_blocks_of_queue_1(q lapinq_queues)
RETURNS TABLE (kind text, until timestamp with time zone, probe uuid, running bigint, tokens double precision)
LANGUAGE sql STABLE ROWS 1 AS $function$
SELECT 'paused', NULL::timestamptz, NULL::uuid, NULL::bigint, NULL::float8
 WHERE q.paused_at IS NOT NULL
 UNION ALL
SELECT 'breaker',
       -- Not if the clock was set back since.
       CASE WHEN b.state = 'open'
             AND b.tries_at BETWEEN lapinq_now() AND lapinq_now() + b.pause_seconds * interval '1 second' THEN b.tries_at END,
       (SELECT r.id FROM lapinq_running r WHERE r.id = b.probe_id AND r.seq = b.probe_seq), NULL, NULL
  FROM lapinq_breakers b
 WHERE q.has_breaker
   AND b.queue_name = q.name
   AND b.state <> 'closed'
 UNION ALL
SELECT 'queue_full', NULL, NULL, runs.tasks, NULL
  FROM (SELECT count(*) AS tasks FROM lapinq_running r WHERE r.queue_name = q.name AND q.max_running IS NOT NULL) AS runs
 WHERE runs.tasks >= q.max_running
 UNION ALL
SELECT 'queue_rate', lapinq_filled_at_1(q.rate, bucket.tokens, 1), NULL, NULL, bucket.tokens
  FROM (SELECT lapinq_tokens(q.rate, q.tokens + lapinq_returned_1(q.name), q.tokens_at) AS tokens
         WHERE lapinq_tokens(q.rate, q.tokens, q.tokens_at) < 1) AS bucket
 WHERE bucket.tokens < 1
$function$;
