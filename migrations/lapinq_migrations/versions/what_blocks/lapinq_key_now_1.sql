-- A key of a queue as the next claim will find it: what blocks all its tasks (NULL: nothing), until when if that is known,
-- how many run, the delayed task that holds it, and what is left of its rate.
-- `key_order`: in strict order one of its tasks runs, or waits for another attempt. `key_full`, `key_rate`: what may run or
-- start. Starts that were given back and that no claim has read of count.
-- Planned with the statement that asks, which must have the whole row of the queue. Locks nothing. Relies on
-- lapinq_running_key, lapinq_lane_news_pkey and the primary keys.
CREATE FUNCTION lapinq_key_now_1(q lapinq_queues, of_key text)
RETURNS TABLE (blocked_by text, until timestamp with time zone, running bigint, holder uuid, tokens double precision)
LANGUAGE sql STABLE ROWS 1 AS $function$
SELECT rule.blocked_by,
       CASE rule.blocked_by WHEN 'key_order' THEN CASE WHEN runs.tasks = 0 AND k.parked_for IS NULL THEN k.due_at END
                            WHEN 'key_rate' THEN lapinq_filled_at_1(q.rate_per_key, bucket.tokens, 1) END,
       runs.tasks, CASE WHEN rule.blocked_by = 'key_order' AND k.due_at IS NOT NULL THEN k.holder END, bucket.tokens
  FROM (SELECT count(*) AS tasks
          FROM lapinq_running r
         WHERE r.queue_name = q.name
           AND split_part(r.lane, chr(31), 1) = of_key
           AND r.lane IS NOT NULL) AS runs
  LEFT JOIN LATERAL (
       SELECT x.holder, x.tokens, x.tokens_at, d.due_at, d.parked_for
         FROM lapinq_keys x
         LEFT JOIN LATERAL (
              SELECT y.due_at, y.parked_for
                FROM lapinq_delayed y
               WHERE y.id = x.holder
                 AND split_part(y.lane, chr(31), 1) = x.key -- a task may be replaced by one of another key
               LIMIT 1) AS d ON true
        WHERE x.queue_name = q.name
          AND x.key = of_key
        LIMIT 1) AS k ON true
 CROSS JOIN LATERAL (
       SELECT lapinq_tokens(q.rate_per_key,
                            CASE WHEN lapinq_tokens(q.rate_per_key, k.tokens, k.tokens_at) < 1
                                 THEN k.tokens + lapinq_returned_1(q.name, of_key)
                                 ELSE k.tokens END,
                            k.tokens_at) AS tokens) AS bucket
 CROSS JOIN LATERAL (
       SELECT CASE WHEN q.start_order = 'strict_per_key' AND (runs.tasks > 0 OR k.due_at IS NOT NULL) THEN 'key_order'
                   WHEN runs.tasks >= q.max_running_per_key THEN 'key_full'
                   WHEN bucket.tokens < 1 THEN 'key_rate' END AS blocked_by) AS rule
 WHERE of_key > ''
$function$;
