-- Lets one caller at a time set circuit breakers of task names. As long as the previous release runs, their table has two
-- unique constraints, of which ON CONFLICT heeds one.
-- Locks no row, but takes an advisory lock until the end of the transaction.
SELECT pg_advisory_xact_lock(hashtext('lapinq breakers of task names'))
