-- Gives an ended task that is about to be requeued its unique key again. Returns the task that holds it, NULL if it has it
-- now or needs none. Waits hardly for another transaction with the key, and fails. Locks the key's row.
SELECT lapinq_retake_unique_key(%(id)s::uuid, 500)::text
