-- A username in lower case as lapinq_users_username compares it: other languages' rules for lower case differ.
-- Locks nothing.
SELECT lower(%(username)s::text)
