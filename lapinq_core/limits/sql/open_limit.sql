-- Opens a limit that a task has closed, before its time. Returns whether it was closed; no row for an unknown limit.
-- Locks its row, and then its news. Relies on both primary keys.
WITH before AS (
    SELECT name, closed_until
      FROM lapinq_limits
     WHERE name = %(name)s::text
       FOR NO KEY UPDATE
), opened AS (
    UPDATE lapinq_limits l
       SET closed_until = NULL
      FROM before
     WHERE l.name = before.name
), news AS (
    UPDATE lapinq_limit_news
       SET closed_until = NULL
     WHERE limit_name = (SELECT name FROM before)
       AND closed_until IS NOT NULL
    RETURNING lapinq_limit_news.seq
)
SELECT coalesce(closed_until > lapinq_now(), false) OR EXISTS (SELECT FROM news) FROM before
