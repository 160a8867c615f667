-- Workers, live ones first, then by name: how many there are, and each as JSON text with its oldest claims. `id`
-- selects one, `queues` those that serve one of these queues; NULL selects all.
-- Locks nothing. Reads all of lapinq_workers, where dead workers stay for a day, and unless `max_tasks` is 0 lapinq_running
-- once, which has no index by worker. It looks up the names of the tasks shown by primary key, one by one, whatever the
-- planner estimates.
WITH chosen AS MATERIALIZED (
    SELECT *,
           count(*) OVER () AS total
      FROM lapinq_workers
     WHERE (%(id)s::uuid IS NULL OR id = %(id)s::uuid)
       AND (%(queues)s::text[] IS NULL OR queues IS NULL OR queues && %(queues)s::text[])
     ORDER BY dead_at IS NOT NULL, name, started_at, id
     LIMIT %(limit)s::integer
), held AS MATERIALIZED (
    SELECT worker_id,
           id,
           queue_name,
           claimed_at,
           progress,
           row_number() OVER (PARTITION BY worker_id ORDER BY claimed_at, seq) AS place,
           count(*) OVER (PARTITION BY worker_id) AS total
      FROM lapinq_running
     WHERE %(max_tasks)s::integer > 0
       AND worker_id IN (SELECT id FROM chosen)
), shown AS MATERIALIZED (
    SELECT h.worker_id,
           h.total,
           json_agg(
               json_build_object(
                   'id', h.id,
                   'task_name', (SELECT t.task_name FROM lapinq_tasks t WHERE t.id = h.id),
                   'queue_name', h.queue_name,
                   'started_at', h.claimed_at,
                   'seconds', greatest(round(extract(epoch FROM lapinq_now() - h.claimed_at)::numeric, 3), 0),
                   'progress', h.progress)
               ORDER BY h.place) AS tasks
      FROM held h
     WHERE h.place <= %(max_tasks)s::integer
     GROUP BY h.worker_id, h.total
)
SELECT o.total,
       (row_to_json(o)::jsonb - 'total' - 'is_dead')::text
  FROM (SELECT c.total,
               c.dead_at IS NOT NULL AS is_dead,
               c.id,
               c.name,
               c.hostname,
               c.pid,
               c.version,
               c.release,
               c.queues,
               c.pool,
               c.concurrency,
               c.timeout_seconds,
               c.started_at,
               c.beat_at,
               greatest(round(extract(epoch FROM lapinq_now() - c.beat_at)::numeric, 3), 0) AS beat_age,
               CASE WHEN c.dead_at IS NOT NULL THEN 'dead'
                    WHEN c.beat_at < lapinq_now() - c.lease_seconds / 2 * interval '1 second' THEN 'late'
                    WHEN c.asked_to = 'stop' THEN 'stopping'
                    WHEN c.is_quiet THEN 'quiet'
                    ELSE 'alive'
               END AS state,
               c.memory_bytes,
               c.running,
               c.rate,
               c.blocked_seconds,
               c.asked_to,
               c.asked_by,
               c.asked_at,
               coalesce(s.total, 0) AS task_count,
               coalesce(s.tasks, '[]') AS tasks
          FROM chosen c
          LEFT JOIN shown s ON s.worker_id = c.id) AS o
 ORDER BY o.is_dead, o.name, o.started_at, o.id
