-- From where to where a walk over tasks goes: the time, and the newest task there is (NULL: none).
-- Locks nothing. Relies on lapinq_tasks_pkey.
SELECT lapinq_now(), (SELECT id FROM lapinq_tasks ORDER BY id DESC LIMIT 1)::text
