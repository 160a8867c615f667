-- The first user, an admin. Answers a row when it was made; none when there is somebody already.
-- Locks nothing that exists: the caller holds the lock of lock_first_user.
-- Tells nobody, as NOTIFY may fail and somebody has to be there: what other servers believe of the default password is
-- some seconds old anyway.
INSERT INTO lapinq_users (username, password_hash, role, has_default_password, created_at)
SELECT %(username)s::text, %(password_hash)s::text, 'admin', %(has_default_password)s::boolean, lapinq_now()
 WHERE NOT EXISTS (SELECT FROM lapinq_users)
RETURNING id
