-- When a bucket that has `tokens` now has as many as `wanted`; NULL if it has them, or there is no rate. Further away than a
-- hundred years a time overflows.
CREATE FUNCTION lapinq_filled_at_1(rate jsonb, tokens double precision, wanted double precision)
RETURNS timestamp with time zone LANGUAGE sql STABLE PARALLEL SAFE AS $function$
SELECT CASE WHEN tokens < wanted
            THEN lapinq_now() + least(3155760000, (wanted - tokens) * (rate ->> 'period_seconds')::float8
                                                  / (rate ->> 'limit')::float8) * interval '1 second' END
$function$;
