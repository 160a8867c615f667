-- Locks the schedules that still have the version they were read with, and answers their ids: nobody changes or pauses
-- them until their ticks are dealt with. Those that somebody else holds are left to them.
-- Locks ascending ids, skipping locked ones. Relies on lapinq_schedules_pkey.
SELECT s.id
  FROM lapinq_schedules s
  JOIN unnest(%(ids)s::bigint[], %(versions)s::integer[]) AS i (id, version) ON i.id = s.id AND i.version = s.version
 ORDER BY s.id
   FOR NO KEY UPDATE OF s SKIP LOCKED
