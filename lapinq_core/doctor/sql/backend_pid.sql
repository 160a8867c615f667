-- The process of the server that answers. Locks nothing.
SELECT pg_backend_pid()
