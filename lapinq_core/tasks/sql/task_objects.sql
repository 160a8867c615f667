-- Task objects as the API shows them, newest first: the id and the object as JSON text. {picked} is a query for the
-- ids, newest first (`filters.py`); one snapshot serves the filter by status and the object.
-- Each object is built when it is read, in the order of the ids: the limit below makes the rows be looked up one by
-- one, and nothing that contains them is sorted. So a reader that stops early leaves the rest unbuilt.
-- Named limits, open circuit breakers, and what runs in queues with max_running, are looked at once, and only if a pending
-- task may wait for them.
-- Locks nothing. Relies on the primary keys, lapinq_attempts_final and lapinq_running_units.
WITH picked AS MATERIALIZED (
    {picked}
), limits AS MATERIALIZED (
    SELECT l.name,
           greatest(l.closed_until, news.closed_until) > lapinq_now() AS is_closed,
           lapinq_tokens(l.rate, l.tokens + coalesce(news.units, 0), l.tokens_at) AS tokens,
           l.max_running - (SELECT count(*)
                              FROM lapinq_running r
                             WHERE r.units IS NOT NULL
                               AND l.name = ANY (string_to_array(split_part(r.lane, chr(31), 2), ','))) AS places
      FROM lapinq_limits l
     CROSS JOIN LATERAL (
           SELECT sum(units) AS units, max(closed_until) AS closed_until
             FROM (SELECT units, closed_until
                     FROM lapinq_limit_news
                    WHERE limit_name = l.name
                    ORDER BY limit_name, seq
                    LIMIT 1000) AS few) AS news
), stopped AS MATERIALIZED (
    SELECT queue_name, NULL AS task_name
      FROM lapinq_breakers
     WHERE state <> 'closed'
     UNION ALL
    SELECT NULL, task_name
      FROM lapinq_task_breakers
     WHERE state <> 'closed'
), full_queues AS MATERIALIZED (
    SELECT r.queue_name
      FROM lapinq_running r
      JOIN lapinq_queues q ON q.name = r.queue_name AND q.max_running IS NOT NULL
     GROUP BY r.queue_name, q.max_running
    HAVING count(*) >= q.max_running
)
SELECT o.id::text, row_to_json(o)::text
  FROM picked
 CROSS JOIN LATERAL (
        SELECT d.id,
               d.task_name,
               d.queue_name,
               d.module_path,
               d.args,
               d.kwargs,
               d.status,
               d.result,
               d.error,
               d.attempts,
               d.max_retries,
               d.priority,
               d.metadata,
               d.progress,
               d.progress_message,
               d.retry_delay,
               d.retry_backoff,
               d.webhook_url,
               d.ttl_seconds,
               CASE WHEN d.expires_at IS NOT NULL
                    THEN greatest(round(extract(epoch FROM d.expires_at - lapinq_now()), 3), 0)
               END AS ttl_remaining,
               d.worker_id,
               d.created_at,
               d.scheduled_at,
               d.started_at,
               d.completed_at,
               d.timeout_seconds,
               d.request_id,
               (SELECT t.rerun_of FROM lapinq_tasks t WHERE t.id = d.id) AS rerun_of,
               d.key,
               d.limits,
               NULL::uuid AS workflow_id,
               ({waiting_for}) AS waiting_for,
               (SELECT t.unique_key FROM lapinq_tasks t WHERE t.id = d.id) AS unique_key
          FROM lapinq_task_details d
         WHERE d.id = picked.id
         LIMIT 1) AS o
