-- The latest notices of all rules, at most `limit`, newest first. Locks nothing. Relies on the primary key.
SELECT n.id, r.name, n.event, n.details, n.state, n.tries, n.created_at, n.tried_at, n.answer, n.failure
  FROM (SELECT * FROM lapinq_notices ORDER BY id DESC LIMIT %(limit)s::integer) AS n
  JOIN lapinq_notify_rules r ON r.id = n.rule_id
 ORDER BY n.id DESC
