-- Whether autovacuum and the statistics that it needs are on, and the tables of lapinq that are excluded from it.
-- Locks nothing. Reads the catalogue.
SELECT current_setting('autovacuum')::boolean,
       current_setting('track_counts')::boolean,
       ARRAY(SELECT c.relname::text
               FROM pg_class c
              CROSS JOIN LATERAL pg_options_to_table(c.reloptions) AS o
              WHERE c.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'lapinq_schema_version'::regclass)
                AND c.relname LIKE 'lapinq\_%'
                AND c.relkind = 'r'
                AND o.option_name = 'autovacuum_enabled'
                AND NOT o.option_value::boolean
              ORDER BY c.relname)
