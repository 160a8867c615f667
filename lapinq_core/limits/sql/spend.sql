-- Corrects what running attempts took from named limits to what they used: appends the difference to the news of each
-- limit. Goes in one transaction with the end of these attempts, so that each is corrected once.
-- Takes arrays with a row for each limit that an attempt used, or one with the name NULL: ids, tokens, names, units.
-- A row with another token belongs to a later claim and changes nothing. Limits without a rate have no units to give.
-- Locks running rows in the order given: ascending ids. Relies on lapinq_running_pkey; joins as report_logs.sql does.
WITH input AS MATERIALIZED (
    SELECT *
      FROM unnest(%(ids)s::uuid[], %(tokens)s::uuid[], %(names)s::text[], %(units)s::float8[])
           AS i (id, token, name, units)
), locked AS MATERIALIZED (
    SELECT i.name, i.units, r.lane, r.units AS taken
      FROM input i
     CROSS JOIN LATERAL (
           SELECT lane, units
             FROM lapinq_running
            WHERE id = i.id
              AND token = i.token
            LIMIT 1
              FOR UPDATE) AS r
), corrected AS MATERIALIZED (
    SELECT l.name,
           coalesce((SELECT took.units
                       FROM unnest(string_to_array(split_part(l.lane, chr(31), 2), ','), l.taken) AS took (name, units)
                      WHERE took.name = l.name), 0) - l.units AS units
      FROM locked l
     WHERE l.name IS NOT NULL
)
INSERT INTO lapinq_limit_news (limit_name, units)
SELECT c.name, sum(c.units)
  FROM corrected c
 WHERE EXISTS (SELECT FROM lapinq_limits WHERE name = c.name AND rate IS NOT NULL)
 GROUP BY c.name
HAVING sum(c.units) <> 0
