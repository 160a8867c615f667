-- Users and keys that may enqueue, but not do everything, at most twenty. Locks nothing. Scans users and keys, which are few.
(SELECT username
   FROM lapinq_users
  WHERE role <> 'admin'
    AND jsonb_path_exists(permissions, '$.*[*] ? (@ == "enqueue")')
  ORDER BY id
  LIMIT 10)
UNION ALL
(SELECT 'the key ' || name
   FROM lapinq_api_keys
  WHERE scopes && ARRAY['enqueue', 'manage', 'schedule']
    AND (queues IS NOT NULL OR NOT scopes @> ARRAY['enqueue', 'manage', 'schedule', 'read'])
  ORDER BY id
  LIMIT 10)
