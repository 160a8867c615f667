-- The enabled notification rules whose latest message was not accepted, by name: how often its oldest notice was tried, and
-- why it failed the last time. Not what failed before the rule was changed, or over a day ago.
-- Locks nothing. Relies on lapinq_notices_pending and lapinq_notices_rule; reads all rules, which are few.
SELECT r.name,
       max(tried.tries) FILTER (WHERE tried.failure IS NOT NULL),
       (array_agg(tried.failure ORDER BY tried.tried_at DESC))[1] AS failure
  FROM lapinq_notify_rules r
 CROSS JOIN LATERAL (
       (SELECT tries, tried_at, failure
          FROM lapinq_notices
         WHERE rule_id = r.id
           AND state = 'pending'
         ORDER BY rule_id, id
         LIMIT 1)
        UNION ALL
       (SELECT tries, tried_at, failure
          FROM lapinq_notices
         WHERE rule_id = r.id
         ORDER BY rule_id, id DESC
         LIMIT 100)) AS tried
 WHERE r.is_enabled
   AND tried.tried_at >= greatest(r.updated_at, lapinq_now() - interval '1 day')
 GROUP BY r.id, r.name
HAVING (array_agg(tried.failure ORDER BY tried.tried_at DESC))[1] IS NOT NULL
 ORDER BY r.name COLLATE "C"
