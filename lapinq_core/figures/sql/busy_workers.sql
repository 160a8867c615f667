-- Living workers that miss heartbeats or have started nothing for `busy` seconds while tasks hold all their slots, the one that
-- has been so for longest first, at most `most`: id, name, slots, seconds since the heartbeat if that is overdue, else
-- NULL and the seconds since the newest start, queue and name of that task.
-- A heartbeat is overdue after half the lease, as in list_workers.sql.
-- Locks nothing. Reads lapinq_workers and lapinq_running once, which are small; one lookup by lapinq_tasks_pkey per row.
WITH held AS MATERIALIZED (
    SELECT worker_id, count(*) AS tasks, max(claimed_at) AS newest, (array_agg(id ORDER BY claimed_at DESC))[1] AS task_id
      FROM lapinq_running
     GROUP BY worker_id
), looked AS (
    SELECT w.id, w.name, w.concurrency, h.task_id,
           CASE WHEN w.beat_at < lapinq_now() - w.lease_seconds / 2 * interval '1 second'
                THEN date_part('epoch', lapinq_now() - w.beat_at)
           END AS silent,
           CASE WHEN h.tasks >= w.concurrency THEN date_part('epoch', lapinq_now() - h.newest) END AS busy
      FROM lapinq_workers w
      LEFT JOIN held h ON h.worker_id = w.id
     WHERE w.dead_at IS NULL
), told AS MATERIALIZED (
    SELECT *
      FROM looked
     WHERE silent IS NOT NULL
        OR busy > %(busy)s::float8
     ORDER BY coalesce(silent, busy) DESC, id
     LIMIT %(most)s::integer
)
SELECT b.id::text, b.name, b.concurrency, b.silent, b.busy, t.queue_name, t.task_name
  FROM told b
  LEFT JOIN lapinq_tasks t ON t.id = b.task_id AND b.silent IS NULL
 ORDER BY coalesce(b.silent, b.busy) DESC, b.id
