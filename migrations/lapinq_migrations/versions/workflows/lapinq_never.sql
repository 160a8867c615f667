-- When a blocked task is due, in lapinq_delayed. No user can ask for that time.
CREATE FUNCTION lapinq_never() RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $function$
SELECT '9000-01-01 00:00:00+00'::timestamptz
$function$;
