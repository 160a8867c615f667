-- How many tasks were enqueued by queue, of the newest `most` in the last `seconds`: queue, count, and how many seconds
-- ago the oldest of all these was enqueued, if there are more; of `queues`, or of all (NULL).
-- Locks nothing. Reads the newest ids of lapinq_tasks_pkey, at most `most`: no index has the tasks of a queue.
WITH newest AS MATERIALIZED (
    SELECT queue_name, created_at
      FROM lapinq_tasks
     WHERE id >= (lpad(to_hex((extract(epoch FROM lapinq_now() - %(seconds)s::integer * interval '1 second')
                               * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid
     ORDER BY id DESC
     LIMIT %(most)s::integer
), extent AS MATERIALIZED (
    SELECT CASE WHEN count(*) = %(most)s::integer THEN date_part('epoch', lapinq_now() - min(created_at)) END AS seconds
      FROM newest
)
SELECT n.queue_name, count(*), min(e.seconds)
  FROM newest n
 CROSS JOIN extent e
 WHERE %(queues)s::text[] IS NULL
    OR n.queue_name = ANY (%(queues)s::text[])
 GROUP BY n.queue_name
