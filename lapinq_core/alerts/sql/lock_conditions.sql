-- Whether this transaction may check the conditions, as one does at a time. Takes an advisory lock to its end.
-- Locks no rows.
SELECT pg_try_advisory_xact_lock(hashtext('lapinq_notify_conditions'))
