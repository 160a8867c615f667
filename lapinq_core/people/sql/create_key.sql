-- Adds a named key. No row if its name is taken. It expires after expires_in seconds, if that is given, and goes with its
-- owner.
-- Locks nothing that exists but the owner, which lock_owner has locked before. Relies on lapinq_api_keys_name_key.
WITH made AS (
    INSERT INTO lapinq_api_keys (name, key_hash, hint, scopes, queues, expires_at, owner_id, created_by, created_at)
    VALUES (%(name)s::text, %(key_hash)s::bytea, %(hint)s::text, %(scopes)s::text[], %(queues)s::text[],
            lapinq_now() + make_interval(secs => %(expires_in)s::float8), %(owner_id)s::bigint, %(created_by)s::text,
            lapinq_now())
        ON CONFLICT (name) DO NOTHING
    RETURNING *
)
SELECT m.id, m.name, m.scopes, m.queues, m.hint, u.username, m.created_by, m.created_at, m.expires_at, false,
       m.last_used_at
  FROM made m
  LEFT JOIN lapinq_users u ON u.id = m.owner_id
