-- Deletes a key, and tells every server over the channel lapinq_access that what they know of keys is old. No row comes
-- back when there is none. Locks its row. Relies on lapinq_api_keys_pkey.
WITH gone AS (
    DELETE FROM lapinq_api_keys
     WHERE id = %(id)s::bigint
    RETURNING id, name
)
SELECT name, pg_notify('lapinq_access', 'key ' || id) FROM gone
