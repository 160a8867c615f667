-- Adds a named key. No row if its name is taken. Locks nothing that exists. Relies on lapinq_api_keys_name_key.
INSERT INTO lapinq_api_keys (name, key_hash, hint, scopes, created_by, created_at)
VALUES (%(name)s::text, %(key_hash)s::bytea, %(hint)s::text, %(scopes)s::text[], %(created_by)s::text, lapinq_now())
    ON CONFLICT (name) DO NOTHING
RETURNING id, name, scopes, hint, created_by, created_at, last_used_at
