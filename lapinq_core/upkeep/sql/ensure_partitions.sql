-- Makes the partitions of the coming weeks where they are missing, bounded. Locks what the function of that name says.
SELECT lapinq_ensure_partitions(%(weeks_ahead)s::integer, true)
