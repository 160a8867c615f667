-- The names of queues with tasks or settings, of those that living workers serve, and of those that their tasks, a schedule, a
-- user's permissions or an API key name, by name. With `among`, only those of these names.
-- Locks nothing. Relies on lapinq_transient_pkey, whose queues it jumps over. Reads lapinq_counts, lapinq_queues, lapinq_workers, lapinq_schedules, lapinq_users and lapinq_api_keys whole,
-- which are small.
WITH RECURSIVE transient AS (
    (SELECT queue_name AS name FROM lapinq_transient ORDER BY queue_name LIMIT 1)
    UNION ALL
    SELECT (SELECT queue_name FROM lapinq_transient WHERE queue_name > transient.name ORDER BY queue_name LIMIT 1)
      FROM transient
     WHERE name IS NOT NULL
)
SELECT name
  FROM (SELECT queue_name AS name FROM lapinq_counts
        UNION
        SELECT name FROM transient
        UNION
        SELECT name FROM lapinq_queues
        UNION
        SELECT queue_name FROM lapinq_schedules
        UNION
        SELECT jsonb_object_keys(permissions) FROM lapinq_users
        UNION
        SELECT unnest(queues) FROM lapinq_api_keys
        UNION
        SELECT unnest(queues) FROM lapinq_workers WHERE dead_at IS NULL
        UNION
        SELECT task ->> 'queue_name'
          FROM lapinq_workers w
         CROSS JOIN jsonb_array_elements(w.registered) AS task
         WHERE w.dead_at IS NULL) AS found
 WHERE name IS NOT NULL
   AND (%(among)s::text[] IS NULL OR name = ANY (%(among)s::text[]))
 ORDER BY name
 LIMIT greatest(0, %(limit)s::integer)
