-- How many named limits there are; with `name` only that one. Locks nothing. Relies on lapinq_limits being small.
SELECT count(*)
  FROM lapinq_limits
 WHERE %(name)s::text IS NULL
    OR name = %(name)s::text
