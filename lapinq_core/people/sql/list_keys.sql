-- All keys, by name. Locks nothing.
SELECT id, name, scopes, hint, created_by, created_at, last_used_at
  FROM lapinq_api_keys
 ORDER BY name COLLATE "C"
