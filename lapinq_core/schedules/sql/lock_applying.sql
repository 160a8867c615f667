-- Lets one caller at a time apply the schedules of files or modules, and returns the time.
-- Locks no row, but takes an advisory lock until the end of the transaction.
SELECT lapinq_now(), pg_advisory_xact_lock(hashtext('lapinq apply schedules'))
