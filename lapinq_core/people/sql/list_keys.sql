-- All keys, by name; the one before the last says whether it has expired. Locks nothing.
SELECT k.id, k.name, k.scopes, k.queues, k.hint, u.username, k.created_by, k.created_at, k.expires_at,
       coalesce(k.expires_at <= lapinq_now(), false), k.last_used_at
  FROM lapinq_api_keys k
  LEFT JOIN lapinq_users u ON u.id = k.owner_id
 ORDER BY k.name COLLATE "C"
