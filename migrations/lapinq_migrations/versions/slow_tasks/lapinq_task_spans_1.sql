-- From which rows of lapinq_task_rollups the last `seconds` are read, so that each moment counts once: rows of `span`, from
-- `since` on and before `until`. The beginning is rounded down to a whole `shortest`, which is 60, 900 or 7200.
-- Complete spans of two hours and of a quarter of an hour are read from their rows, both ends from shorter ones: those of a
-- span that is not over are not folded yet, and many. Locks nothing and reads nothing.
CREATE FUNCTION lapinq_task_spans_1(shortest integer, seconds integer)
RETURNS TABLE (span integer, since timestamp with time zone, until timestamp with time zone)
LANGUAGE sql STABLE ROWS 5 AS $function$
SELECT s.span, s.since, s.until
  FROM (SELECT first,
               date_bin('15 minutes', first + interval '15 minutes' - interval '1 microsecond', to_timestamp(0))
                   AS quarters_begin,
               date_bin('15 minutes', lapinq_now(), to_timestamp(0)) AS quarters_end,
               date_bin('2 hours', first + interval '2 hours' - interval '1 microsecond', to_timestamp(0)) AS hours_begin,
               date_bin('2 hours', lapinq_now(), to_timestamp(0)) AS hours_end
          FROM (SELECT date_bin(make_interval(secs => shortest), lapinq_now() - make_interval(secs => seconds),
                                to_timestamp(0)) AS first) AS began) AS c
 CROSS JOIN LATERAL (
       VALUES (60, first, quarters_begin),
              (900, quarters_begin, least(hours_begin, quarters_end)),
              (7200, hours_begin, hours_end),
              (900, greatest(hours_begin, hours_end), quarters_end),
              (60, greatest(quarters_begin, quarters_end), 'infinity')) AS s (span, since, until)
$function$;
