-- name: backend_pid
-- The process of the server that answers. Locks nothing.
SELECT pg_backend_pid()

-- name: clock
-- The database's time, in seconds since 1970. Locks nothing.
SELECT extract(epoch FROM clock_timestamp())::float8

-- name: default_passwords
-- The users who still have the default password, at most twenty. Locks nothing. Scans the users, which are few.
SELECT username
  FROM lapinq_users
 WHERE has_default_password
 ORDER BY id
 LIMIT 20

-- name: durability
-- What the server does so that a crash loses nothing. Locks nothing.
SELECT current_setting('fsync'),
       current_setting('full_page_writes'),
       current_setting('synchronous_commit')

-- name: has_old_tables
-- Whether lapinq 1.3.0 made the tables that this role sees. Locks nothing.
SELECT EXISTS (SELECT
                 FROM pg_attribute
                WHERE attrelid = to_regclass('lapinq_schema_version')
                  AND attname = 'version')

-- name: has_schema
-- Whether the table with the schema's revision is there, for this role. Locks nothing.
SELECT EXISTS (SELECT
                 FROM pg_attribute
                WHERE attrelid = to_regclass('lapinq_schema_version')
                  AND attname = 'version_num')

-- name: has_webhooks
-- Whether there are webhooks, sent or pending. Locks nothing.
SELECT EXISTS (SELECT FROM lapinq_webhooks)

-- name: hidden_schema
-- A schema with lapinq's tables that the search path does not lead to, and whether this role may use it. Locks nothing.
SELECT n.nspname,
       has_schema_privilege(n.oid, 'USAGE')
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relname = 'lapinq_schema_version'
   AND c.relkind = 'r'
 ORDER BY n.nspname
 LIMIT 1

-- name: invalid_indexes
-- Indexes of lapinq's tables that a failed build left invalid. Locks nothing. Reads the catalogue.
SELECT i.indexrelid::regclass::text
  FROM pg_index i
  JOIN pg_class t ON t.oid = i.indrelid
 WHERE t.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'lapinq_schema_version'::regclass)
   AND t.relname LIKE 'lapinq\_%'
   AND NOT i.indisvalid
 ORDER BY 1

-- name: isolation
-- The isolation level that new sessions of this role have before lapinq sets its own. Locks nothing.
SELECT reset_val
  FROM pg_settings
 WHERE name = 'default_transaction_isolation'

-- name: listening_daemons
-- How many APIs, workers and schedulers of this database listen for notifications: each does, with one session of this
-- name. Locks nothing. Sees the names of sessions of this role only, unless it may see all.
SELECT count(*) FILTER (WHERE application_name = 'lapinq-api listen'),
       count(*) FILTER (WHERE application_name = 'lapinq-worker listen'),
       count(*) FILTER (WHERE application_name = 'lapinq-scheduler listen')
  FROM pg_stat_activity
 WHERE datname = current_database()

-- name: overdue
-- How many delayed tasks are overdue by more than `overdue` seconds, counted up to 1000, and by how many seconds the
-- first is. Locks nothing. Relies on lapinq_delayed_due_at.
SELECT count(*),
       date_part('epoch', lapinq_now() - min(due_at))
  FROM (SELECT due_at
          FROM lapinq_delayed
         WHERE due_at < lapinq_now() - %(overdue)s::float8 * interval '1 second'
         ORDER BY due_at
         LIMIT 1000) AS late

-- name: own_statement
-- This statement, prepared, if the server knows it under the driver's own name. No row if a pooler renamed it. Locks
-- nothing.
SELECT name
  FROM pg_prepared_statements
 WHERE statement LIKE '/* lapinq:own_statement */%'
   AND name LIKE '\_pg3\_%'
 LIMIT 1

-- name: read_only
-- Whether the server is a standby, and whether new sessions of this role are read-only. Locks nothing.
SELECT pg_is_in_recovery(),
       reset_val = 'on'
  FROM pg_settings
 WHERE name = 'default_transaction_read_only'

-- name: revision
-- The revision of the schema. Locks nothing.
SELECT version_num
  FROM lapinq_schema_version

-- name: sees_sessions
-- Whether the role sees what the sessions of other roles do. Locks nothing.
SELECT pg_has_role('pg_read_all_stats', 'USAGE')

-- name: standbys
-- Standbys whose feedback holds back a snapshot of more than `transactions`: name, address, age. Locks nothing.
SELECT coalesce(nullif(application_name, ''), usename::text, '?'),
       host(client_addr),
       age(backend_xmin)::bigint
  FROM pg_stat_replication
 WHERE age(backend_xmin) > %(transactions)s::bigint
 ORDER BY age(backend_xmin) DESC
 LIMIT 5
