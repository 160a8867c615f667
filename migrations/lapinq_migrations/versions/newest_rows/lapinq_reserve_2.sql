-- Reserves units of named limits for a queue whose first task that takes from them needs more than are left: other queues
-- leave these, or they would take the few that come in. `units` is NULL where it needs no more; what the queue had reserved
-- there is free again if it `started` a task that takes from the limit. Else it ends after half a minute, unless a claim of
-- the queue renews it; may_start.sql sees to that.
-- Where `units` is 0 it needs nothing but a place. Which queue gets that is chance while several ask: a queue gets one
-- reserved only if others have had all places for 15 seconds, as it stays empty until the queue asks again. It is free again
-- as soon as the queue finds room, also if it starts something else. Who needs units goes before who needs a place.
-- A claim that started something reserves nothing. Else who starts small tasks without end would always have the reservation,
-- and a large one of another queue would never get it.
-- The caller has locked the limits. Reads the newest version of each first, as lapinq_claim_governed_2 does. Relies on lapinq_limits_pkey and lapinq_running_units.
CREATE OR REPLACE FUNCTION lapinq_reserve_2(queue text, names text[], units float8[], started boolean[], has_room boolean[])
RETURNS void LANGUAGE sql AS $function$
UPDATE lapinq_limits l
   SET reserved_by = CASE WHEN u.units IS NOT NULL THEN queue END,
       reserved_units = u.units,
       reserved_until = CASE WHEN u.units > 0 OR u.units = 0 AND l.reserved_by = queue AND l.reserved_units = 0
                             THEN lapinq_now() + interval '30 seconds'
                             WHEN u.units = 0 THEN lapinq_now() + interval '45 seconds' END
  FROM (SELECT i.name, CASE WHEN NOT i.started THEN i.units END AS units, i.started, i.has_room
          FROM unnest(names, units, started, has_room) AS i (name, units, started, has_room)) AS u
 CROSS JOIN LATERAL (SELECT y.ctid AS row_id FROM lapinq_limits y WHERE y.name BETWEEN u.name AND u.name ORDER BY y.name DESC LIMIT 1) AS newest
 WHERE l.ctid = newest.row_id
   AND CASE WHEN u.units IS NULL THEN l.reserved_by = queue AND (u.started OR u.has_room AND l.reserved_units = 0)
            WHEN u.units > 0 THEN l.reserved_by IS NULL OR l.reserved_by = queue OR l.reserved_until <= lapinq_now()
                                  OR l.reserved_units = 0
            ELSE (l.reserved_by IS NULL OR l.reserved_until <= lapinq_now())
                 AND EXISTS (SELECT
                               FROM lapinq_running r
                              WHERE r.units IS NOT NULL
                                AND r.queue_name <> queue
                                AND l.name = ANY (string_to_array(split_part(r.lane, chr(31), 2), ','))) END
$function$;
