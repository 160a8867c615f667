-- Creates the first user, an admin. Returns a row if it did; none if there is a user already.
-- Locks nothing that exists: the caller holds the lock of lock_first_user.
-- Sends no NOTIFY, which may fail, while the user must be created: what other servers believe about the default
-- password is some seconds old anyway.
INSERT INTO lapinq_users (username, password_hash, role, has_default_password, created_at)
SELECT %(username)s::text, %(password_hash)s::text, 'admin', %(has_default_password)s::boolean, lapinq_now()
 WHERE NOT EXISTS (SELECT FROM lapinq_users)
RETURNING id
