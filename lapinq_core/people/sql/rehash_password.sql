-- The same password, hashed anew at today's cost; nothing when it was changed meanwhile.
-- Locks the row. Relies on lapinq_users_pkey.
UPDATE lapinq_users
   SET password_hash = %(password_hash)s::text
 WHERE id = %(id)s::bigint
   AND password_hash = %(old_hash)s::text
