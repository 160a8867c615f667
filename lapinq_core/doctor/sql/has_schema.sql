-- Whether the table with the schema's revision is there, for this role. Locks nothing.
SELECT to_regclass('lapinq_schema_version') IS NOT NULL
