-- Deletes a rule, its notices and its conditions. Returns its name; no row for an unknown id.
-- Locks the rule. Relies on the primary keys and lapinq_notices_rule.
DELETE FROM lapinq_notify_rules
 WHERE id = %(id)s::bigint
RETURNING name
