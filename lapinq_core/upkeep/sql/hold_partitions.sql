-- Whether this transaction may make or drop partitions: one at a time does, for `lapinq_ensure_partitions` asks the same.
-- Locks nothing but that right, until the end of the transaction, and does not wait for it.
SELECT pg_try_advisory_xact_lock(hashtext('lapinq_ensure_partitions'))
