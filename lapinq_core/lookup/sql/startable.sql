-- How many ready tasks of each of these queues may start now, counted up to `most`.
-- Locks nothing. lapinq_startable tells what it reads.
SELECT name, lapinq_startable(name, %(most)s::integer)
  FROM unnest(%(queues)s::text[]) AS name
