-- Tells each enabled rule that asks for blocked keys of its queues in which a failed task has held a key for longer than the
-- rule's limit: once, and again after no key of the queue was held that long. Of a queue it looks at the `most` oldest keys.
-- Returns a row for each: the rule and the news, as JSON.
-- The caller lets one process do this at a time (advisory lock), and stores the notices in the same transaction. Locks the
-- conditions that it deletes. Relies on lapinq_stuck_keys_1.
WITH rules AS MATERIALIZED (
    SELECT id, queues, backlog_seconds
      FROM lapinq_notify_rules
     WHERE is_enabled
       AND 'blocked' = ANY (events)
), held AS MATERIALIZED (
    SELECT s.queue_name, s.key, date_part('epoch', lapinq_now() - s.since) AS seconds
      FROM (SELECT WHERE EXISTS (SELECT FROM rules)) AS if_asked
     CROSS JOIN LATERAL lapinq_stuck_keys_1(NULL, %(most)s::integer) AS s
), judged AS MATERIALIZED (
    SELECT r.id, r.backlog_seconds, h.queue_name, count(*) AS keys, max(h.seconds) AS seconds,
           (array_agg(h.key ORDER BY h.seconds DESC))[1] AS key
      FROM rules r
      JOIN held h ON (r.queues IS NULL OR h.queue_name = ANY (r.queues)) AND h.seconds > r.backlog_seconds
     GROUP BY r.id, r.backlog_seconds, h.queue_name
), told AS (
    INSERT INTO lapinq_notify_conditions (rule_id, event, subject, since, told_at)
    SELECT id, 'blocked', queue_name, lapinq_now(), lapinq_now()
      FROM judged
    ON CONFLICT DO NOTHING
    RETURNING rule_id, subject
), ended AS (
    DELETE FROM lapinq_notify_conditions c
     WHERE c.event = 'blocked'
       AND NOT EXISTS (SELECT FROM judged j WHERE j.id = c.rule_id AND j.queue_name = c.subject)
)
SELECT j.id,
       jsonb_build_object('event', 'blocked', 'queue_name', j.queue_name, 'keys', j.keys, 'key', j.key,
                          'oldest_seconds', round(j.seconds), 'limit_seconds', j.backlog_seconds)
  FROM told t
  JOIN judged j ON j.id = t.rule_id AND j.queue_name = t.subject
 ORDER BY j.id, j.seconds DESC
