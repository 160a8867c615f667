-- A new password for whoever still has the old one. Answers a row when it is so; none when they are gone or their
-- password was changed meanwhile. Locks the row. Relies on lapinq_users_pkey.
-- Tells every server over the channel lapinq_access, for the default password may have gone with it.
UPDATE lapinq_users
   SET password_hash = %(password_hash)s::text,
       has_default_password = false
 WHERE id = %(id)s::bigint
   AND password_hash = %(old_hash)s::text
RETURNING id, pg_notify('lapinq_access', 'user ' || id)
