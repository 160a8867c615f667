-- How many places of a named limit are reserved now for the queue that it names: lapinq_reserve_2 says when.
CREATE FUNCTION lapinq_places_reserved(l lapinq_limits) RETURNS integer
LANGUAGE sql STABLE AS $function$
SELECT ((l.reserved_units = 0
        AND l.reserved_until > lapinq_now()
        AND l.reserved_until <= lapinq_now() + interval '30 seconds') IS TRUE)::integer
$function$;
