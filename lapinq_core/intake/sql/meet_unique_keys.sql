-- Decides which new tasks with a unique key are stored, and replaces others: see the function. Takes a JSON array of tasks,
-- as lapinq_store_tasks does. Returns one JSON cell as text. Waits for keys that other transactions hold, as lock_timeout says.
-- Locks what the function locks.
SELECT lapinq_meet_unique_keys(%(tasks)s::json)::text
