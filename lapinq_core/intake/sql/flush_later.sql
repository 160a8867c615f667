-- The commit of this transaction returns before it is on disk. `flush` puts it there.
-- Locks nothing.
SELECT set_config('synchronous_commit', 'off', true)
