-- The named limits among some, and the most units that a task can take of each at once; NULL: any number. If one of them
-- doesn't exist, others too, of which it may be a misspelling.
-- Takes one JSON array of names. Locks nothing. Relies on lapinq_limits_pkey.
WITH asked AS (
    SELECT DISTINCT json_array_elements_text(%(names)s::json) AS name
), found AS (
    SELECT name, rate
      FROM asked
      JOIN lapinq_limits USING (name)
)
SELECT name, (rate ->> 'burst')::float8
  FROM found
 UNION ALL
(SELECT name, (rate ->> 'burst')::float8
   FROM lapinq_limits
  WHERE (SELECT count(*) FROM found) < (SELECT count(*) FROM asked)
  LIMIT 1000)
