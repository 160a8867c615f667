-- Stores the same password, hashed again at today's cost; nothing if it has changed since.
-- Locks the row. Relies on lapinq_users_pkey.
UPDATE lapinq_users
   SET password_hash = %(password_hash)s::text
 WHERE id = %(id)s::bigint
   AND password_hash = %(old_hash)s::text
