-- Lets one process at a time check whether there is a user and create the first one.
-- Locks no row, but takes an advisory lock until the end of the transaction.
SELECT pg_advisory_xact_lock(hashtext('lapinq first user'))
