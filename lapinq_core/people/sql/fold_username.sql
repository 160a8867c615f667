-- A username as lapinq_users_username compares it, which other languages would write in small letters differently.
-- Locks nothing.
SELECT lower(%(username)s::text)
