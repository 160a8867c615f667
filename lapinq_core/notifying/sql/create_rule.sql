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
