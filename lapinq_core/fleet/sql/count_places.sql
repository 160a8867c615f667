-- Counts the place of each living worker in the fleet: how many of its peers come before it, how many it has with itself,
-- and how many workers there are. Its peers are the workers that serve the same queues, had room for a task lately, and are
-- not late with their heartbeats: others take over from a lost one before its lease ends.
-- Stores all places as one row if one has changed or the last row is older than 15 seconds, and deletes the row before:
-- heartbeats ignore a row that is older than 30 seconds. A row of the future is from before the clock was set back.
-- Locks the row that it deletes. Relies on lapinq_places_pkey, whose newest entry it reads: no dead row lies before it.
-- Reads all of lapinq_workers, with the dead rows of heartbeats that somebody's old snapshot keeps.
WITH living AS MATERIALIZED (
    SELECT id, queues,
           is_quiet IS NOT TRUE
           AND coalesce(running, 0) < concurrency
           AND beat_at > lapinq_now() - 0.6 * lease_seconds * interval '1 second' AS has_room
      FROM lapinq_workers
     WHERE dead_at IS NULL
), counted AS MATERIALIZED (
    SELECT coalesce(jsonb_object_agg(id, jsonb_build_array(before, peers, living)), '{}') AS places
      FROM (SELECT id,
                   count(*) FILTER (WHERE has_room) OVER (PARTITION BY queues ORDER BY id) - has_room::integer AS before,
                   count(*) FILTER (WHERE has_room) OVER (PARTITION BY queues) + 1 - has_room::integer AS peers,
                   count(*) OVER () AS living
              FROM living) AS ranked
), last AS MATERIALIZED (
    SELECT ctid AS place, places, counted_at
      FROM lapinq_places
     ORDER BY seq DESC
     LIMIT 1
), fresh AS MATERIALIZED (
    SELECT c.places
      FROM counted c
      LEFT JOIN last l ON true
     WHERE c.places IS DISTINCT FROM l.places
        OR l.counted_at NOT BETWEEN lapinq_now() - interval '15 seconds' AND lapinq_now()
), gone AS (
    DELETE FROM lapinq_places
     WHERE ctid = ANY (ARRAY(SELECT place FROM last WHERE EXISTS (SELECT FROM fresh)))
)
INSERT INTO lapinq_places (places, counted_at)
SELECT places, lapinq_now()
  FROM fresh
