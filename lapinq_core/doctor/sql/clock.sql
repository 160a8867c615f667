-- The database's time, in seconds since 1970. Locks nothing.
SELECT extract(epoch FROM clock_timestamp())::float8
