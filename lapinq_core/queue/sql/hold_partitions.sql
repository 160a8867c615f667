-- Whether this transaction may make or drop partitions: one at a time does, for `lapinq_ensure_partitions` asks the same.
-- Locks that word alone.
SELECT pg_try_advisory_xact_lock(hashtext('lapinq_ensure_partitions'))
