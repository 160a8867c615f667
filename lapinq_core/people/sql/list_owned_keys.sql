-- The names of a user's keys. Locks nothing.
SELECT name FROM lapinq_api_keys WHERE owner_id = %(id)s::bigint ORDER BY name COLLATE "C"
