-- Takes the rule whose turn it is under a lease of `lease` seconds, with its oldest pending notices, at most `limit`: the
-- rule, when the lease ends, how often the oldest notice was tried, their ids, and the notices as a JSON array. `left_out`
-- counts the notices that the full outbox did not take. No row if nothing is to be sent.
-- Locks the rule, skipping locked ones. Relies on lapinq_notices_pending; reads all rules, which are few.
WITH due AS MATERIALIZED (
    SELECT r.id
      FROM lapinq_notify_rules r
     WHERE r.next_at <= lapinq_now()
       AND (r.taken_until IS NULL OR r.taken_until <= lapinq_now())
       AND EXISTS (SELECT FROM lapinq_notices n WHERE n.rule_id = r.id AND n.state = 'pending')
     ORDER BY r.next_at, r.id
     LIMIT 1
       FOR NO KEY UPDATE SKIP LOCKED
), taken AS (
    UPDATE lapinq_notify_rules r
       SET taken_until = lapinq_now() + %(lease)s::float8 * interval '1 second'
      FROM due
     WHERE r.id = due.id
    RETURNING r.*
)
SELECT t.id, t.name, t.kind, t.url, t.addresses, t.taken_until, t.left_out, extract(epoch FROM lapinq_now())::bigint,
       (array_agg(n.tries ORDER BY n.id))[1], array_agg(n.id ORDER BY n.id),
       json_agg(json_build_object('created_at', n.created_at, 'details', n.details) ORDER BY n.id)::text
  FROM taken t
 CROSS JOIN LATERAL (
       SELECT id, tries, created_at, details
         FROM lapinq_notices
        WHERE rule_id = t.id
          AND state = 'pending'
        ORDER BY rule_id, id
        LIMIT %(limit)s::integer) AS n
 GROUP BY t.id, t.name, t.kind, t.url, t.addresses, t.taken_until, t.left_out
