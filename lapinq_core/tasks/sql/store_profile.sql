-- Stores the profile of an attempt that has ended. Returns how many attempts that were: none if its end is not stored
-- yet, or was stored by somebody else.
-- Locks the attempt. Relies on lapinq_attempts_final and lapinq_attempts_earlier.
WITH final AS (
    UPDATE lapinq_attempts
       SET profile = %(profile)s::bytea
     WHERE task_id = %(id)s::uuid
       AND final
       AND token = %(token)s::uuid
    RETURNING attempt
), earlier AS (
    UPDATE lapinq_attempts
       SET profile = %(profile)s::bytea
     WHERE task_id = %(id)s::uuid
       AND attempt = %(attempt)s::integer
       AND NOT final
       AND token = %(token)s::uuid
    RETURNING attempt
)
SELECT (SELECT count(*) FROM final) + (SELECT count(*) FROM earlier)
