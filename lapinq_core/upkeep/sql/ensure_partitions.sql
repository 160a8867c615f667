-- Creates missing partitions of the coming weeks, a bounded number. Locks what the function of that name says.
SELECT lapinq_ensure_partitions(%(weeks_ahead)s::integer, true)
