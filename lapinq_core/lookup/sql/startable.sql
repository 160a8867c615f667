-- How many ready tasks of each of these queues may start now, counted up to 1,000.
-- Locks nothing. lapinq_startable tells what it reads.
SELECT name, lapinq_startable(name)
  FROM unnest(%(queues)s::text[]) AS name
