-- Which of the digests are those of keys, and what these keys may do. Locks nothing. Relies on
-- lapinq_api_keys_key_hash_key.
SELECT key_hash, id, name, scopes
  FROM lapinq_api_keys
 WHERE key_hash = ANY(%(digests)s::bytea[])
