-- By how many seconds the database's clock jumped, if a worker noticed that within the last `recent` seconds; by how many
-- seconds the latest heartbeat is in the future, if more than its lease. Locks nothing. Scans workers, which are few.
SELECT (SELECT jumped_seconds
          FROM lapinq_workers
         WHERE jumped_at > lapinq_now() - %(recent)s::float8 * interval '1 second'
         ORDER BY jumped_at DESC
         LIMIT 1),
       (SELECT date_part('epoch', max(beat_at) - lapinq_now())
          FROM lapinq_workers
         WHERE dead_at IS NULL
           AND beat_at > lapinq_now() + lease_seconds * interval '1 second')
