-- Deletes the count of a key. Locks the row. Relies on lapinq_login_tries_pkey.
DELETE FROM lapinq_login_tries
 WHERE key = %(key)s::text
