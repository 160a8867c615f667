-- Whether this transaction may create or drop partitions: only one at a time may, and `lapinq_ensure_partitions` asks
-- too.
-- Locks only that right, until the end of the transaction, and does not wait for it.
SELECT pg_try_advisory_xact_lock(hashtext('lapinq_ensure_partitions'))
