-- The user of a one-time link that still works: id, name and purpose. Locks nothing. Relies on lapinq_invitations_pkey.
SELECT u.id, u.username, i.purpose
  FROM lapinq_invitations i
  JOIN lapinq_users u ON u.id = i.user_id
 WHERE i.token_hash = %(token_hash)s::bytea
   AND i.used_at IS NULL
   AND i.expires_at > lapinq_now()
