-- Indexes of lapinq's tables that a failed build left invalid. Locks nothing. Reads the catalogue.
SELECT i.indexrelid::regclass::text
  FROM pg_index i
  JOIN pg_class t ON t.oid = i.indrelid
 WHERE t.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'lapinq_schema_version'::regclass)
   AND t.relname LIKE 'lapinq\_%'
   AND NOT i.indisvalid
 ORDER BY 1
