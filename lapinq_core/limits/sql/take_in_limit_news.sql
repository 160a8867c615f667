-- Adds to a named limit what tasks said of it since the last claim, as lapinq_lock_limits_1 does, so that a change counts
-- from what is used now.
-- Locks the limit's row, then the news. Relies on lapinq_limits_pkey and lapinq_limit_news_pkey.
WITH locked AS MATERIALIZED (
    SELECT name
      FROM lapinq_limits
     WHERE name = %(name)s::text
       FOR NO KEY UPDATE
), news AS MATERIALIZED (
    DELETE FROM lapinq_limit_news
     WHERE limit_name = (SELECT name FROM locked)
    RETURNING units, closed_until
)
UPDATE lapinq_limits l
   SET tokens = coalesce(l.tokens, (l.rate ->> 'burst')::float8) + n.units,
       closed_until = greatest(l.closed_until, n.closed_until)
  FROM (SELECT sum(units) AS units, max(closed_until) AS closed_until FROM news HAVING count(*) > 0) AS n
 WHERE l.name = %(name)s::text
