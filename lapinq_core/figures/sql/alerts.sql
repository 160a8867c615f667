-- Whether a worker is alive and claims; how many seconds the earliest tick is overdue, if by more than `late`, and of how
-- many schedules, counted up to `most`; webhooks given up in the last `given_up` seconds, and those overdue by more than `overdue`, each counted up to `most`, and how
-- long the earliest of these is overdue; users who still have the default password.
-- Locks nothing. Relies on lapinq_schedules_next_fire_at, lapinq_webhooks_ended and lapinq_webhooks_due_at; scans
-- workers and users, which are few.
SELECT EXISTS (SELECT
                 FROM lapinq_workers
                WHERE dead_at IS NULL
                  AND NOT is_quiet
                  AND beat_at >= lapinq_now() - lease_seconds * interval '1 second'),
       (SELECT date_part('epoch', lapinq_now() - next_fire_at)
          FROM lapinq_schedules
         WHERE next_fire_at < lapinq_now() - %(late)s::float8 * interval '1 second'
         ORDER BY next_fire_at
         LIMIT 1),
       (SELECT count(*)
          FROM (SELECT
                  FROM lapinq_schedules
                 WHERE next_fire_at < lapinq_now() - %(late)s::float8 * interval '1 second'
                 LIMIT %(most)s::integer) AS late),
       (SELECT count(*)
          FROM (SELECT
                  FROM lapinq_webhooks
                 WHERE state = 'given_up'
                   AND tried_at >= lapinq_now() - %(given_up)s::float8 * interval '1 second'
                 LIMIT %(most)s::integer) AS given_up),
       (SELECT count(*)
          FROM (SELECT
                  FROM lapinq_webhooks
                 WHERE state = 'pending'
                   AND due_at < lapinq_now() - %(overdue)s::float8 * interval '1 second'
                 LIMIT %(most)s::integer) AS overdue),
       (SELECT date_part('epoch', lapinq_now() - due_at)
          FROM lapinq_webhooks
         WHERE state = 'pending'
           AND due_at < lapinq_now() - %(overdue)s::float8 * interval '1 second'
         ORDER BY due_at
         LIMIT 1),
       ARRAY(SELECT username FROM lapinq_users WHERE has_default_password ORDER BY id LIMIT 20)
