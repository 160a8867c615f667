-- name: create_rule
-- Stores a rule; no row if its name is taken or there are `most` rules already.
-- Locks nothing but the name. Relies on lapinq_notify_rules_name_key.
INSERT INTO lapinq_notify_rules (name, kind, url, addresses, events, queues, backlog_seconds, is_enabled, created_at,
                                 created_by, updated_at, next_at)
SELECT %(name)s::text, %(kind)s::text, %(url)s::text, %(addresses)s::text[], %(events)s::text[], %(queues)s::text[],
       %(backlog_seconds)s::float8, %(is_enabled)s::boolean, lapinq_now(), %(created_by)s::text, lapinq_now(),
       lapinq_now()
 WHERE (SELECT count(*) FROM lapinq_notify_rules) < %(most)s::integer
ON CONFLICT (name) DO NOTHING
RETURNING id

-- name: delete_rule
-- Deletes a rule, its notices and its conditions. Returns its name; no row for an unknown id.
-- Locks the rule. Relies on the primary keys and lapinq_notices_rule.
DELETE FROM lapinq_notify_rules
 WHERE id = %(id)s::bigint
RETURNING name

-- name: latest_notices
-- The latest notices of all rules, at most `limit`, newest first. Locks nothing. Relies on the primary key.
SELECT n.id, r.name, n.event, n.details, n.state, n.tries, n.created_at, n.tried_at, n.answer, n.failure
  FROM (SELECT * FROM lapinq_notices ORDER BY id DESC LIMIT %(limit)s::integer) AS n
  JOIN lapinq_notify_rules r ON r.id = n.rule_id
 ORDER BY n.id DESC
