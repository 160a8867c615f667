-- A schema with lapinq's tables that the search path does not lead to, and whether this role may use it. Locks nothing.
SELECT n.nspname,
       has_schema_privilege(n.oid, 'USAGE')
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relname = 'lapinq_schema_version'
   AND c.relkind = 'r'
 ORDER BY n.nspname
 LIMIT 1
