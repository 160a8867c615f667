-- Whether all transactions with a number below `fence` have ended, or it was set half a minute ago: those that hold it up
-- then don't claim. Claims that began before a policy or a limit was committed may not know it. What they start is counted
-- once they have ended.
CREATE FUNCTION lapinq_is_past_1(fence bigint, since timestamp with time zone) RETURNS boolean
LANGUAGE sql VOLATILE AS $function$
SELECT fence BETWEEN 0 AND pg_snapshot_xmin(pg_current_snapshot())::text::bigint
       OR since < lapinq_now() - interval '30 seconds'
$function$;
