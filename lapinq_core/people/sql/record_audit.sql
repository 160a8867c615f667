-- Adds an entry to the audit log, and returns its id. Locks nothing that exists.
INSERT INTO lapinq_audit (at, actor_kind, actor_id, actor, action, target, details, address, request_id)
VALUES (lapinq_now(), %(actor_kind)s::text, %(actor_id)s::bigint, %(actor)s::text, %(action)s::text, %(target)s::text,
        %(details)s::jsonb, %(address)s::text, %(request_id)s::text)
RETURNING id
