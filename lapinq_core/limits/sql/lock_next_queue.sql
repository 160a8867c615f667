-- Locks the next queue with lanes, after the one given in order of name, and returns its name. Passes over those that are
-- locked. Relies on lapinq_queues_pkey.
SELECT name
  FROM lapinq_queues
 WHERE is_laned
   AND name > %(after)s::text
 ORDER BY name
 LIMIT 1
   FOR NO KEY UPDATE SKIP LOCKED
