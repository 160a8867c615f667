-- Lets one at a time make the stored schedules those of a file or a module, and tells the time.
-- Locks a number of its own, no row, until the end of the transaction.
SELECT lapinq_now(), pg_advisory_xact_lock(hashtext('lapinq apply schedules'))
