-- Deletes a named limit, with what tasks said about it. Tasks that take from it start without it.
-- Returns its row, if there was one. Locks it, and then its news. Relies on both primary keys.
WITH gone AS (
    DELETE FROM lapinq_limits
     WHERE name = %(name)s::text
    RETURNING name
), news AS (
    DELETE FROM lapinq_limit_news
     WHERE limit_name = (SELECT name FROM gone)
)
SELECT name FROM gone
