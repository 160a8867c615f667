-- The next queue with lanes, after the one given in order of name.
-- Locks nothing. Relies on lapinq_queues_pkey.
SELECT name
  FROM lapinq_queues
 WHERE is_laned
   AND name > %(after)s::text
 ORDER BY name
 LIMIT 1
