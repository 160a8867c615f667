-- Locks the schedules that still have the version they were read with and, if `at` is given, that next planned time.
-- Returns their ids: nobody changes or pauses them until their ticks are handled. Leaves schedules that another
-- scheduler has locked to it.
-- Locks by ascending id, skipping locked ones. Relies on lapinq_schedules_pkey.
SELECT s.id
  FROM lapinq_schedules s
  JOIN unnest(%(ids)s::bigint[], %(versions)s::integer[], %(at)s::timestamptz[]) AS i (id, version, at)
    ON i.id = s.id AND i.version = s.version AND (i.at IS NULL OR i.at = s.next_fire_at)
 ORDER BY s.id
   FOR NO KEY UPDATE OF s SKIP LOCKED
