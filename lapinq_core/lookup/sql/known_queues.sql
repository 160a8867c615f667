-- The names of queues with tasks or settings, of those that living workers serve, and of those that their tasks or a schedule
-- name, by name.
-- Locks nothing. Reads lapinq_counts, lapinq_queues, lapinq_workers and lapinq_schedules whole, which are small.
SELECT name
  FROM (SELECT queue_name AS name FROM lapinq_counts
        UNION
        SELECT name FROM lapinq_queues
        UNION
        SELECT queue_name FROM lapinq_schedules
        UNION
        SELECT unnest(queues) FROM lapinq_workers WHERE dead_at IS NULL
        UNION
        SELECT task ->> 'queue_name'
          FROM lapinq_workers w
         CROSS JOIN jsonb_array_elements(w.registered) AS task
         WHERE w.dead_at IS NULL) AS found
 WHERE name IS NOT NULL
 ORDER BY name
 LIMIT %(limit)s::integer
