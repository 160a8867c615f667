-- How many ready tasks may start now of those of these queues that have a policy, lanes or a circuit breaker, counted up to
-- 1,000. Of others all may, which costs nothing to tell.
-- Locks nothing. Relies on lapinq_queues_pkey; lapinq_startable tells what it reads.
SELECT q.name, lapinq_startable(q.name)
  FROM lapinq_queues q
 WHERE q.name = ANY (%(queues)s::text[])
   AND q.is_governed
