-- The keys with these digests that have not expired, what they are limited to, and in how many seconds they expire.
-- Locks nothing. Relies on lapinq_api_keys_key_hash_key.
SELECT key_hash, id, name, scopes, queues, extract(epoch FROM expires_at - lapinq_now())::float8
  FROM lapinq_api_keys
 WHERE key_hash = ANY(%(digests)s::bytea[])
   AND (expires_at IS NULL OR expires_at > lapinq_now())
