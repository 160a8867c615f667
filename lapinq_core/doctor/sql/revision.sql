-- The revision of the schema. Locks nothing.
SELECT version_num
  FROM lapinq_schema_version
