-- Whether there is any user. Locks nothing.
SELECT EXISTS (SELECT FROM lapinq_users)
