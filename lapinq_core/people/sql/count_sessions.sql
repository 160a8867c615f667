-- How many valid sessions each user has, and when one was last used. Locks nothing. It reads the whole table: at most a
-- hundred rows per user.
SELECT user_id, count(*), max(seen_at)
  FROM lapinq_sessions
 WHERE seen_at > lapinq_now() - make_interval(secs => %(idle)s::float8)
   AND created_at > lapinq_now() - make_interval(secs => %(absolute)s::float8)
 GROUP BY user_id
