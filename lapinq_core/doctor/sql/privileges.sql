-- What the current role lacks: its name, the owner of the tables, their schema, whether it may create tables there, the
-- objects it may not use, and the partitioned tables it does not own. Identity columns need no right on their sequence.
-- Locks nothing. Reads the catalogue.
WITH ours AS MATERIALIZED (
    SELECT c.oid, c.relname, c.relkind, c.relowner
      FROM pg_class c
     WHERE c.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'lapinq_schema_version'::regclass)
       AND c.relname LIKE 'lapinq\_%'
       AND c.relkind IN ('r', 'p', 'v')
), schema AS (
    SELECT n.oid, n.nspname
      FROM pg_class c
      JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.oid = 'lapinq_schema_version'::regclass
), unusable AS (
    SELECT relname::text AS name
      FROM ours
     WHERE NOT has_table_privilege(oid, 'SELECT')
        OR relkind <> 'v'
       AND NOT (has_table_privilege(oid, 'INSERT') AND has_table_privilege(oid, 'UPDATE')
                AND has_table_privilege(oid, 'DELETE'))
     UNION ALL
    SELECT 'lapinq_claim_seq'
     WHERE NOT has_sequence_privilege('lapinq_claim_seq', 'USAGE')
     UNION ALL
    SELECT p.proname::text
      FROM pg_proc p
      JOIN schema s ON s.oid = p.pronamespace
     WHERE p.proname LIKE 'lapinq\_%'
       AND NOT has_function_privilege(p.oid, 'EXECUTE')
)
SELECT quote_ident(current_user),
       (SELECT quote_ident(pg_get_userbyid(relowner)) FROM pg_class WHERE oid = 'lapinq_tasks'::regclass),
       (SELECT quote_ident(nspname) FROM schema),
       (SELECT has_schema_privilege(oid, 'CREATE') FROM schema),
       ARRAY(SELECT DISTINCT name FROM unusable ORDER BY name),
       ARRAY(SELECT relname::text FROM ours WHERE relkind = 'p' AND NOT pg_has_role(relowner, 'USAGE') ORDER BY relname)
