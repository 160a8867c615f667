-- Writes down a step of a bulk action, in the step's transaction, and keeps the action for `lease` seconds more. A row, unless
-- it was stopped or another server has it: then the step must be undone.
-- Locks its row, last in the transaction. Relies on lapinq_bulk_actions_pkey.
UPDATE lapinq_bulk_actions
   SET done = done + %(done)s::bigint,
       skipped = skipped + %(skipped)s::bigint,
       reached = coalesce(%(reached)s::uuid, reached),
       remaining = %(remaining)s::uuid[],
       free_at = lapinq_now() + make_interval(secs => %(lease)s::float8)
 WHERE id = %(id)s::uuid
   AND token = %(token)s::uuid
   AND ended_at IS NULL
RETURNING true
