-- Entries of the audit log, newest first. {conditions} come from `audit_filters.py`.
-- Locks nothing. Relies on lapinq_audit_pkey, or on the index of the filtered column.
SELECT id, at, actor_kind, actor_id, actor, action, target, details, address, request_id
  FROM lapinq_audit
 WHERE {conditions}
 ORDER BY id DESC
 LIMIT %(limit)s::integer
