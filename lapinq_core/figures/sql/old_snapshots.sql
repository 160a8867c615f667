-- What keeps dead rows of this database from being vacuumed, the oldest of each kind: a session whose transaction has
-- been open for more than `seconds`, a transaction prepared that long ago, a replication slot whose horizon is more
-- than `transactions` old. Columns: kind, name, process id, seconds, transactions. Vacuums are left out: they hold up
-- nobody.
-- Only members of pg_read_all_stats see the sessions of others. Locks nothing.
(SELECT 'session', coalesce(nullif(application_name, ''), usename, backend_type), pid,
        date_part('epoch', clock_timestamp() - xact_start), NULL::bigint
   FROM pg_stat_activity
  WHERE datname = current_database()
    AND pid <> pg_backend_pid()
    AND backend_type <> 'autovacuum worker'
    AND (backend_xmin IS NOT NULL OR backend_xid IS NOT NULL)
    AND xact_start < clock_timestamp() - %(seconds)s::float8 * interval '1 second'
  ORDER BY xact_start
  LIMIT 1)
UNION ALL
(SELECT 'prepared transaction', gid, NULL, date_part('epoch', clock_timestamp() - prepared), NULL
   FROM pg_prepared_xacts
  WHERE database = current_database()
    AND prepared < clock_timestamp() - %(seconds)s::float8 * interval '1 second'
  ORDER BY prepared
  LIMIT 1)
UNION ALL
(SELECT 'replication slot', slot_name::text, active_pid, NULL, age(xmin)::bigint
   FROM pg_replication_slots
  WHERE age(xmin) > %(transactions)s::bigint
  ORDER BY age(xmin) DESC
  LIMIT 1)
