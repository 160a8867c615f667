-- Subtracts one try from the count of a key. Locks the row. Relies on lapinq_login_tries_pkey.
UPDATE lapinq_login_tries
   SET tries = greatest(tries - 1, 0)
 WHERE key = %(key)s::text
