-- How many APIs, workers and schedulers of this database listen for notifications: each does, with one session of this
-- name. Locks nothing. Sees the names of sessions of this role only, unless it may see all.
SELECT count(*) FILTER (WHERE application_name = 'lapinq-api listen'),
       count(*) FILTER (WHERE application_name = 'lapinq-worker listen'),
       count(*) FILTER (WHERE application_name = 'lapinq-scheduler listen')
  FROM pg_stat_activity
 WHERE datname = current_database()
