-- Reserves units of named limits for a queue whose first task that takes from them needs more than are left: other queues
-- leave these, or they would take the few that come in. `units` is NULL where it needs no more; what the queue had reserved
-- there is free again if it `started` a task that takes from the limit. Else it ends after half a minute, unless a claim of
-- the queue renews it; may_start.sql sees to that.
-- The caller has locked the limits. Relies on lapinq_limits_pkey.
CREATE FUNCTION lapinq_reserve_1(queue text, names text[], units float8[], started boolean[]) RETURNS void
LANGUAGE sql AS $function$
UPDATE lapinq_limits l
   SET reserved_by = CASE WHEN u.units IS NOT NULL THEN queue END,
       reserved_units = u.units,
       reserved_until = lapinq_now() + interval '30 seconds'
  FROM unnest(names, units, started) AS u (name, units, started)
 WHERE l.name = u.name
   AND CASE WHEN u.units IS NULL THEN u.started AND l.reserved_by = queue
            ELSE l.reserved_by IS NULL OR l.reserved_by = queue OR l.reserved_until <= lapinq_now() END
$function$;
