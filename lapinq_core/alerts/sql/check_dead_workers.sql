-- Tells each enabled rule that asks for dead workers of those declared dead in the last `recent` seconds, each once; not
-- of those that were dead before the rule was made. Returns a row for each: the rule and the news, as JSON.
-- The caller lets one process do this at a time (advisory lock), and stores the notices in the same transaction. Locks the
-- conditions that it deletes. Scans workers, where dead ones stay for a day.
WITH dead AS MATERIALIZED (
    SELECT id, name, dead_at
      FROM lapinq_workers
     WHERE dead_at > lapinq_now() - %(recent)s::float8 * interval '1 second'
), told AS (
    INSERT INTO lapinq_notify_conditions (rule_id, event, subject, since, told_at)
    SELECT r.id, 'worker.dead', d.id::text, d.dead_at, lapinq_now()
      FROM lapinq_notify_rules r
      JOIN dead d ON d.dead_at > r.created_at
     WHERE r.is_enabled
       AND 'worker.dead' = ANY (r.events)
    ON CONFLICT DO NOTHING
    RETURNING rule_id, subject
), ended AS (
    DELETE FROM lapinq_notify_conditions c
     WHERE c.event = 'worker.dead'
       AND c.since <= lapinq_now() - %(recent)s::float8 * interval '1 second'
)
SELECT t.rule_id,
       jsonb_build_object('event', 'worker.dead', 'worker_id', d.id, 'worker_name', d.name, 'dead_at', d.dead_at)
  FROM told t
  JOIN dead d ON d.id::text = t.subject
 ORDER BY t.rule_id, d.dead_at
