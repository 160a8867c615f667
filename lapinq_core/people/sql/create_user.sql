-- Creates a user. Returns it; no row if the name is taken, ignoring case.
-- Locks nothing that exists. Relies on lapinq_users_username.
INSERT INTO lapinq_users (username, password_hash, role, permissions, created_at)
VALUES (%(username)s::text, %(password_hash)s::text, %(role)s::text, '{}', lapinq_now())
    ON CONFLICT (lower(username)) DO NOTHING
RETURNING id, username, role, permissions::text, has_default_password, created_at
