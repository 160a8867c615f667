-- Deletes a key, and notifies every server on the channel lapinq_access to drop its cached keys. No row if there is
-- none.
-- Locks its row. Relies on lapinq_api_keys_pkey.
WITH gone AS (
    DELETE FROM lapinq_api_keys
     WHERE id = %(id)s::bigint
    RETURNING id, name
)
SELECT name, pg_notify('lapinq_access', 'key ' || id) FROM gone
