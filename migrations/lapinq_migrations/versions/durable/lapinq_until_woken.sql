-- When a suspended task without a time-out is due, in lapinq_delayed. From then until lapinq_never() no user can ask for.
CREATE FUNCTION lapinq_until_woken() RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $function$
SELECT '8000-01-01 00:00:00+00'::timestamptz
$function$;
