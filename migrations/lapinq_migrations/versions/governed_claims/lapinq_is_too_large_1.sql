-- Whether a task needs more units of one of its limits than that ever has. `names` are its limits, separated by commas.
CREATE FUNCTION lapinq_is_too_large_1(names text, units bigint[], limits lapinq_limits[]) RETURNS boolean
LANGUAGE sql STABLE AS $function$
SELECT EXISTS (SELECT
                 FROM unnest(string_to_array(names, ','), units) AS need (name, units)
                 JOIN unnest(limits) AS l ON l.name = need.name
                WHERE need.units > (l.rate ->> 'burst')::float8)
$function$;
