-- Stores a notice for one rule, enabled or not, to be sent now. Returns the rule's name; no row for an unknown rule.
-- Locks the rule. Relies on its primary key.
WITH rule AS (
    UPDATE lapinq_notify_rules
       SET next_at = lapinq_now()
     WHERE id = %(id)s::bigint
    RETURNING id, name
), stored AS (
    INSERT INTO lapinq_notices (rule_id, event, details, created_at)
    SELECT id, %(details)s::jsonb->>'event', %(details)s::jsonb, lapinq_now()
      FROM rule
)
SELECT name FROM rule
