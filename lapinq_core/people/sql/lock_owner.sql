-- Keeps a user from being deleted until the end of the transaction; no row if there is none. Before lock_keys: a deletion
-- locks the user first and then the user's keys.
-- Locks the row FOR KEY SHARE. Relies on lapinq_users_pkey.
SELECT id FROM lapinq_users WHERE id = %(id)s::bigint FOR KEY SHARE
