-- Named limits with their current use; with `name` only that one. What tasks said since the last claim counts.
-- `queues` and `waiting` are of ready tasks, of which each queue and set of limits is counted up to `most`. `need` are the
-- least units that the first task of one of these takes.
-- Locks nothing. Relies on lapinq_ready_units, whose sets it jumps over, lapinq_running_units and lapinq_limit_news_pkey.
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
     WHERE %(name)s::text IS NULL
        OR %(name)s::text = ANY (string_to_array(sets.names, ','))
), waiting AS (
    SELECT name, sum(tasks)::bigint AS tasks, bool_or(tasks >= %(most)s::integer) AS is_capped, min(units) AS need,
           array_agg(DISTINCT queue_name ORDER BY queue_name) AS queues
      FROM counted
     GROUP BY name
), running AS (
    SELECT used.name, count(*) AS tasks, array_agg(DISTINCT r.queue_name) AS queues
      FROM lapinq_running r
     CROSS JOIN LATERAL unnest(string_to_array(split_part(r.lane, chr(31), 2), ',')) AS used (name)
     WHERE r.units IS NOT NULL
     GROUP BY used.name
), shown AS (
    SELECT l.name, l.max_running, l.rate, l.created_at, l.closed_until AS known_closed, n.closed_until AS told_closed,
           lapinq_tokens(l.rate, coalesce(l.tokens, (l.rate ->> 'burst')::float8) + coalesce(n.units, 0), l.tokens_at)
           AS tokens
      FROM lapinq_limits l
      LEFT JOIN LATERAL (
           SELECT sum(units) AS units, max(closed_until) AS closed_until
             FROM (SELECT units, closed_until
                     FROM lapinq_limit_news
                    WHERE limit_name = l.name
                    ORDER BY limit_name, seq
                    LIMIT 10000) AS few) AS n ON true
     WHERE %(name)s::text IS NULL
        OR l.name = %(name)s::text
)
SELECT s.name, s.max_running, s.rate, coalesce(r.tasks, 0), s.tokens,
       CASE WHEN greatest(s.known_closed, s.told_closed) > lapinq_now()
            THEN greatest(s.known_closed, s.told_closed) END,
       CASE WHEN s.tokens < least(coalesce(w.need, 1), (s.rate ->> 'burst')::float8)
            THEN lapinq_now() + least(3155760000, (least(coalesce(w.need, 1), (s.rate ->> 'burst')::float8) - s.tokens)
                                                  * (s.rate ->> 'period_seconds')::float8
                                                  / (s.rate ->> 'limit')::float8) * interval '1 second' END,
       coalesce(w.tasks, 0), coalesce(w.is_capped, false),
       ARRAY(SELECT DISTINCT queue
               FROM unnest(coalesce(w.queues, '{}') || coalesce(r.queues, '{}')) AS queue
              ORDER BY queue),
       s.created_at
  FROM shown s
  LEFT JOIN waiting w ON w.name = s.name
  LEFT JOIN running r ON r.name = s.name
 ORDER BY s.name
