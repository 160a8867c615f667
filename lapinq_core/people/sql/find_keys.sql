-- The keys with these digests, and their scopes. Locks nothing. Relies on lapinq_api_keys_key_hash_key.
SELECT key_hash, id, name, scopes
  FROM lapinq_api_keys
 WHERE key_hash = ANY(%(digests)s::bytea[])
