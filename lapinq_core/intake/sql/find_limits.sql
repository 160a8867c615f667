-- The named limits among some, and the most units that a task can take of each at once; NULL: any number.
-- Takes one JSON array of names. Locks nothing. Relies on lapinq_limits_pkey.
SELECT name, (rate ->> 'burst')::float8
  FROM lapinq_limits
 WHERE name = ANY (ARRAY(SELECT json_array_elements_text(%(names)s::json)))
