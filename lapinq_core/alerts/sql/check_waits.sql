-- Tells each enabled rule that asks for waits, of its queues, of suspended tasks that began to wait for a signal in the last `recent`
-- seconds, each wait once; not of those that began before the rule was made. Returns a row for each: the rule and the news, as JSON.
-- The caller lets one process do this at a time (advisory lock), and stores the notices in the same transaction. Locks the
-- conditions that it deletes. Relies on lapinq_steps_waiting, from its newest end, and primary keys.
WITH asking AS MATERIALIZED (
    SELECT id, queues, created_at
      FROM lapinq_notify_rules
     WHERE is_enabled
       AND 'wait' = ANY (events)
), waits AS MATERIALIZED (
    SELECT s.task_id, s.name, s.occurrence, s.names, s.started_at, s.due_at, d.queue_name, t.task_name,
           (SELECT o.title
              FROM lapinq_decisions o
             WHERE o.task_id = s.task_id
               AND o.name = ANY (s.names)
               AND o.decided_at IS NULL
             ORDER BY o.id
             LIMIT 1) AS title
      FROM lapinq_steps s
      JOIN lapinq_delayed d ON d.id = s.task_id
                           AND d.starts = s.attempt - 1
      JOIN lapinq_tasks t ON t.id = s.task_id
     WHERE EXISTS (SELECT FROM asking)
       AND s.kind = 'signal'
       AND s.ended_at IS NULL
       AND s.started_at > lapinq_now() - %(recent)s::float8 * interval '1 second'
     ORDER BY s.started_at DESC
     LIMIT greatest(0, %(most)s::integer)
), told AS (
    INSERT INTO lapinq_notify_conditions (rule_id, event, subject, since, told_at)
    SELECT r.id, 'wait', format('%%s %%s %%s', w.task_id, w.occurrence, w.name), w.started_at, lapinq_now()
      FROM asking r
      JOIN waits w ON w.started_at > r.created_at
     WHERE r.queues IS NULL
        OR w.queue_name = ANY (r.queues)
    ON CONFLICT DO NOTHING
    RETURNING rule_id, subject
), ended AS (
    DELETE FROM lapinq_notify_conditions c
     WHERE c.event = 'wait'
       AND c.since <= lapinq_now() - %(recent)s::float8 * interval '1 second'
)
SELECT t.rule_id,
       jsonb_build_object('event', 'wait', 'queue_name', w.queue_name, 'task_id', w.task_id, 'task_name', w.task_name,
                          'signals', w.names, 'title', w.title, 'deadline', w.due_at)
  FROM told t
  JOIN waits w ON format('%%s %%s %%s', w.task_id, w.occurrence, w.name) = t.subject
 ORDER BY t.rule_id, w.started_at
