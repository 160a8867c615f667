-- Keeps the tasks and attempts of the week `week` unchanged until the end of the transaction, and returns a number that
-- stays the same until one of them changes. Locks what the function of that name says.
SELECT lapinq_lock_week(%(week)s::text)
