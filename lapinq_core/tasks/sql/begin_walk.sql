-- The bounds of a walk over tasks: the time, and the newest task (NULL: none).
-- Locks nothing. Relies on lapinq_tasks_pkey.
SELECT lapinq_now(), (SELECT id FROM lapinq_tasks ORDER BY id DESC LIMIT 1)::text
