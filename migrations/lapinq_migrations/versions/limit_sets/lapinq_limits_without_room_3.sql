-- The named limits in these sets, or among all if they are many, of which no task of a queue may start now: closed, without a place, or with fewer units than
-- it has reserved or any task needs. Not those of which there is news; nor those that the queue should reserve, or whose
-- reservation it should renew.
-- A look without their locks. Reads what runs that takes from limits once, with a hash join. Of few limits it reads the
-- newest version first, as lapinq_claim_governed_2 does; many, which cost more one by one, it reads together.
CREATE FUNCTION lapinq_limits_without_room_3(queue text, sets text[]) RETURNS text[]
LANGUAGE sql STABLE SET enable_hashjoin TO on AS $function$
WITH limits AS (
    SELECT newest.*
      FROM (SELECT DISTINCT one.name
              FROM unnest(sets) AS s (names)
             CROSS JOIN LATERAL unnest(string_to_array(s.names, ',')) AS one (name)) AS n
     CROSS JOIN LATERAL (
           SELECT *
             FROM lapinq_limits x
            WHERE x.name BETWEEN n.name AND n.name
            ORDER BY x.name DESC
            LIMIT 1) AS newest
     WHERE cardinality(sets) <= 50
     UNION ALL
    SELECT x.*
      FROM lapinq_limits x
     WHERE cardinality(sets) > 50
)
SELECT coalesce(array_agg(l.name), '{}')
  FROM limits l
  LEFT JOIN (SELECT one.name, count(*) AS tasks, bool_or(r.queue_name <> queue) AS by_others
               FROM lapinq_running r
              CROSS JOIN LATERAL unnest(string_to_array(split_part(r.lane, chr(31), 2), ',')) AS one (name)
              WHERE r.units IS NOT NULL
              GROUP BY one.name) AS running USING (name)
 WHERE (l.closed_until > lapinq_now()
        OR l.max_running <= coalesce(running.tasks, 0)
           AND NOT (running.by_others AND (l.reserved_by IS NULL OR l.reserved_until <= lapinq_now()))
        OR l.reserved_by <> queue
           AND l.max_running <= coalesce(running.tasks, 0) + lapinq_places_reserved(l)
        OR lapinq_tokens(l.rate, l.tokens, l.tokens_at)
           < CASE WHEN l.reserved_until <= lapinq_now() OR l.reserved_by IS NULL THEN 1
                  WHEN l.reserved_by <> queue THEN 1 + l.reserved_units
                  WHEN l.reserved_until > lapinq_now() + interval '15 seconds' THEN l.reserved_units
                  ELSE 0 END)
   AND NOT EXISTS (SELECT FROM lapinq_limit_news n WHERE n.limit_name = l.name)
$function$;
