-- Locks out the maintenance of error groups, which locks counts before their groups, until the transaction ends; waits for a
-- pass that is on its way, which is short.
SELECT pg_advisory_xact_lock(hashtext('lapinq_error_groups'))
