-- name: deregister_worker
-- Deletes a worker that stops. If it still has claims, find_lost.sql finds them, as their worker is gone. Locks its
-- row.
DELETE FROM lapinq_workers
 WHERE id = %(id)s::uuid

-- name: find_worker
-- The worker with this id, or the one with this name that started last: its id and its name. With `queues` only one that
-- serves any of them.
-- Locks nothing. Reads lapinq_workers whole, where dead workers stay for a day.
SELECT id::text, name
  FROM lapinq_workers
 WHERE (id = %(id)s::uuid OR name = %(name)s::text)
   AND (%(queues)s::text[] IS NULL OR queues IS NULL OR queues && %(queues)s::text[])
 ORDER BY id IS NOT DISTINCT FROM %(id)s::uuid DESC, started_at DESC, id DESC
 LIMIT 1

-- name: has_module
-- The name of a living worker that has found tasks in a module, if there is one.
-- Locks nothing. Reads lapinq_workers whole, which is small.
SELECT name
  FROM lapinq_workers
 WHERE dead_at IS NULL
   AND registered @> jsonb_build_array(jsonb_build_object('module_path', %(module_path)s::text))
 ORDER BY name
 LIMIT 1

-- name: record_registered
-- Records which tasks a worker has found in its modules. Locks its row. No index holds the column.
UPDATE lapinq_workers
   SET registered = %(tasks)s::jsonb
 WHERE id = %(id)s::uuid

-- name: register_worker
-- Registers a worker. Its id is new at each boot; a repeat, after the first answer was lost, changes nothing.
-- Returns the task names that have a circuit breaker: it must know them before it claims.
-- Locks nothing that exists. Reads all of lapinq_circuit_breakers, which is small.
WITH registered AS (
    INSERT INTO lapinq_workers (id, name, hostname, pid, version, queues, pool, concurrency, lease_seconds, release,
                                timeout_seconds, started_at, beat_at)
    VALUES (%(id)s::uuid, %(name)s, %(hostname)s, %(pid)s, %(version)s, %(queues)s::text[], %(pool)s, %(concurrency)s,
            %(lease_seconds)s, %(release)s, %(timeout_seconds)s, lapinq_now(), lapinq_now())
    ON CONFLICT (id) DO NOTHING
)
SELECT coalesce(array_agg(name), '{}') FROM lapinq_circuit_breakers WHERE kind = 'task'

-- name: time_limits
-- The different time limits that living workers which serve a queue give tasks that set none, ascending.
-- Locks nothing. Reads lapinq_workers whole, which is small.
SELECT DISTINCT timeout_seconds
  FROM lapinq_workers
 WHERE dead_at IS NULL
   AND timeout_seconds IS NOT NULL
   AND (queues IS NULL OR %(queue)s::text = ANY (queues))
 ORDER BY timeout_seconds
