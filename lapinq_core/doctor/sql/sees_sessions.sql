-- Whether the role sees what the sessions of other roles do. Locks nothing.
SELECT pg_has_role('pg_read_all_stats', 'USAGE')
