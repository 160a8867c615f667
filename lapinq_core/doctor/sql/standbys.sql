-- Standbys whose feedback holds back a snapshot of more than `transactions`: name, address, age. Locks nothing.
SELECT coalesce(nullif(application_name, ''), usename::text, '?'),
       host(client_addr),
       age(backend_xmin)::bigint
  FROM pg_stat_replication
 WHERE age(backend_xmin) > %(transactions)s::bigint
 ORDER BY age(backend_xmin) DESC
 LIMIT 5
