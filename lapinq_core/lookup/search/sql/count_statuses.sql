-- Tasks by status, exact, of `queues` or (NULL) of all: pending, running, completed, failed, cancelled, expired.
-- Its cost grows with unfolded counts and running tasks, not with the history. Locks nothing.
SELECT coalesce(sum(pending), 0)::bigint,
       (SELECT count(*)
          FROM lapinq_running
         WHERE %(queues)s::text[] IS NULL
            OR queue_name = ANY (%(queues)s::text[])),
       coalesce(sum(completed), 0)::bigint,
       coalesce(sum(failed), 0)::bigint,
       coalesce(sum(cancelled), 0)::bigint,
       coalesce(sum(expired), 0)::bigint
  FROM lapinq_counts
 WHERE %(queues)s::text[] IS NULL
    OR queue_name = ANY (%(queues)s::text[])
