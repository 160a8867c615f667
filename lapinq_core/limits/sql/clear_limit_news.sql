-- Removes what tasks said about a limit of this name before it existed.
-- Locks the rows it deletes. Relies on lapinq_limit_news_pkey.
DELETE FROM lapinq_limit_news
 WHERE limit_name = %(name)s::text
