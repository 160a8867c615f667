-- Named limits with their current use (lapinq_limits_now_1); with `name` only that one, with `queue` those that its ready and
-- running tasks take from.
-- `queues` and `waiting` are of ready tasks, of which each queue and set of limits is counted up to `most`. `need` are the
-- least units that the first task of one of these takes.
-- Locks nothing. Relies on lapinq_ready_units, whose sets it jumps over.
WITH RECURSIVE sets AS (
    (SELECT split_part(lane, chr(31), 2) AS names, queue_name, units, 1 AS turn
       FROM lapinq_ready
      WHERE units IS NOT NULL
      ORDER BY split_part(lane, chr(31), 2), queue_name, rank, seq
      LIMIT 1)
    UNION ALL
    SELECT next.names, next.queue_name, next.units, sets.turn + 1
      FROM sets
     CROSS JOIN LATERAL (
           SELECT split_part(r.lane, chr(31), 2) AS names, r.queue_name, r.units
             FROM lapinq_ready r
            WHERE r.units IS NOT NULL
              AND (split_part(r.lane, chr(31), 2), r.queue_name) > (sets.names, sets.queue_name)
            ORDER BY split_part(r.lane, chr(31), 2), r.queue_name, r.rank, r.seq
            LIMIT 1) AS next
     WHERE sets.turn < %(most_sets)s::integer
), chosen AS MATERIALIZED (
    SELECT *
      FROM lapinq_limits_now_1() AS l
     WHERE (%(name)s::text IS NULL OR l.name = %(name)s::text)
       AND (%(queue)s::text IS NULL
            OR %(queue)s::text = ANY (l.queues)
            OR EXISTS (SELECT
                         FROM sets s
                        WHERE s.queue_name = %(queue)s::text
                          AND l.name = ANY (string_to_array(s.names, ','))))
), counted AS MATERIALIZED (
    SELECT need.name, sets.queue_name, need.units,
           (SELECT count(*)
              FROM (SELECT
                      FROM lapinq_ready r
                     WHERE r.units IS NOT NULL
                       AND split_part(r.lane, chr(31), 2) = sets.names
                       AND r.queue_name = sets.queue_name
                     LIMIT %(most)s::integer) AS few) AS tasks
      FROM sets
     CROSS JOIN LATERAL unnest(string_to_array(sets.names, ','), sets.units) AS need (name, units)
     WHERE need.name IN (SELECT name FROM chosen)
), waiting AS (
    SELECT name, sum(tasks)::bigint AS tasks, bool_or(tasks >= %(most)s::integer) AS is_capped, min(units) AS need,
           array_agg(DISTINCT queue_name ORDER BY queue_name) AS queues
      FROM counted
     GROUP BY name
)
SELECT l.name, l.max_running, l.rate, l.running, l.tokens, l.closed_until,
       lapinq_filled_at_1(l.rate, l.tokens, least(coalesce(w.need, 1), (l.rate ->> 'burst')::float8)),
       coalesce(w.tasks, 0), coalesce(w.is_capped, false),
       ARRAY(SELECT DISTINCT queue
               FROM unnest(coalesce(w.queues, '{}') || coalesce(l.queues, '{}')) AS queue
              ORDER BY queue),
       l.created_at, x.source
  FROM chosen l
  JOIN lapinq_limits x ON x.name = l.name
  LEFT JOIN waiting w ON w.name = l.name
 ORDER BY l.name
