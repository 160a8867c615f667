-- This statement, prepared, if the server knows it under the driver's own name. No row if a pooler renamed it. Locks
-- nothing.
SELECT name
  FROM pg_prepared_statements
 WHERE statement LIKE '/* lapinq:own_statement */%'
   AND name LIKE '\_pg3\_%'
 LIMIT 1
