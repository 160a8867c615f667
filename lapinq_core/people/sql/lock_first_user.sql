-- Lets one process at a time look whether there is a user and make the first one.
-- Locks a number of its own, no row, until the end of the transaction.
SELECT pg_advisory_xact_lock(hashtext('lapinq first user'))
