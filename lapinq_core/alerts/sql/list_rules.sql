-- All rules by name, or the rule `id`, each with its pending notices, counted up to a thousand, when its latest message
-- was sent, and why the latest failed if no later one was sent.
-- Locks nothing. Relies on lapinq_notices_pending and lapinq_notices_rule.
SELECT r.id, r.name, r.kind, r.url, r.addresses, r.events, r.queues, r.backlog_seconds, r.is_enabled, r.version,
       r.created_at, r.created_by, r.updated_at,
       (SELECT count(*)
          FROM (SELECT
                  FROM lapinq_notices n
                 WHERE n.rule_id = r.id
                   AND n.state = 'pending'
                 LIMIT 1000) AS pending),
       last.tried_at, last.failure
  FROM lapinq_notify_rules r
  LEFT JOIN LATERAL (
       SELECT n.tried_at, n.failure
         FROM (SELECT tried_at, failure
                 FROM lapinq_notices
                WHERE rule_id = r.id
                ORDER BY rule_id, id DESC
                LIMIT 100) AS n
        WHERE n.tried_at IS NOT NULL
        ORDER BY n.tried_at DESC
        LIMIT 1) AS last ON true
 WHERE %(id)s::bigint IS NULL
    OR r.id = %(id)s::bigint
 ORDER BY r.name COLLATE "C"
