-- As meet_unique_keys.sql, for a connection that others need, too: it hardly waits for a key that another transaction
-- holds, and fails. Locks what the function locks.
SELECT lapinq_meet_unique_keys(%(tasks)s::json, 20)::text
