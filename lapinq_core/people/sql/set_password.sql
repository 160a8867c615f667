-- Sets a new password if the user still has the old one. Returns a row if so; none if the user is gone or the password
-- has changed since. Locks the row. Relies on lapinq_users_pkey.
-- Notifies every server on the channel lapinq_access, because the default password may be gone.
UPDATE lapinq_users
   SET password_hash = %(password_hash)s::text,
       has_default_password = false
 WHERE id = %(id)s::bigint
   AND password_hash = %(old_hash)s::text
RETURNING id, pg_notify('lapinq_access', 'user ' || id)
