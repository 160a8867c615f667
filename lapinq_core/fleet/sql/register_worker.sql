-- Registers a worker. Its id is new at each boot; a repeat, after the first answer was lost, changes nothing.
-- Returns the task names that have a circuit breaker: it must know them before it claims.
-- Locks nothing that exists. Reads all of lapinq_task_breakers, which is small.
WITH registered AS (
    INSERT INTO lapinq_workers (id, name, hostname, pid, version, queues, pool, concurrency, lease_seconds, release,
                                timeout_seconds, started_at, beat_at)
    VALUES (%(id)s::uuid, %(name)s, %(hostname)s, %(pid)s, %(version)s, %(queues)s::text[], %(pool)s, %(concurrency)s,
            %(lease_seconds)s, %(release)s, %(timeout_seconds)s, lapinq_now(), lapinq_now())
    ON CONFLICT (id) DO NOTHING
)
SELECT coalesce(array_agg(task_name), '{}') FROM lapinq_task_breakers
