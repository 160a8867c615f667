-- Named limits as the next claim will find them: what tasks said and no claim has read counts. `blocked_by` is what blocks
-- every task that takes from one: `limit_closed` or `limit_full`. `tokens` are the units left; of these, queues other than
-- `reserved_by` have to leave `reserved`, and of the places `reserved_places`. `queues` are those of the `running` tasks.
-- Planned with the statement that asks. Reads all limits and what runs that takes from them, and of each limit at most 1,000
-- news, as a claim does. Locks nothing. Relies on lapinq_running_units and lapinq_limit_news_pkey.
CREATE FUNCTION lapinq_limits_now_1()
RETURNS TABLE (name text, max_running integer, rate jsonb, created_at timestamp with time zone, blocked_by text,
               closed_until timestamp with time zone, running bigint, queues text[], tokens double precision,
               reserved_by text, reserved double precision, reserved_places integer)
LANGUAGE sql STABLE ROWS 10 AS $function$
SELECT l.name, l.max_running, l.rate, l.created_at,
       CASE WHEN news.closed_until > lapinq_now() THEN 'limit_closed' WHEN r.tasks >= l.max_running THEN 'limit_full' END,
       CASE WHEN news.closed_until > lapinq_now() THEN news.closed_until END,
       coalesce(r.tasks, 0), r.queues,
       lapinq_tokens(l.rate, coalesce(l.tokens, (l.rate ->> 'burst')::float8) + coalesce(news.units, 0), l.tokens_at),
       CASE WHEN l.reserved_until > lapinq_now() THEN l.reserved_by END, l.reserved_units,
       lapinq_places_reserved(l)
  FROM lapinq_limits l
  LEFT JOIN (SELECT one.name, count(*) AS tasks, array_agg(DISTINCT x.queue_name) AS queues
               FROM lapinq_running x
              CROSS JOIN LATERAL unnest(string_to_array(split_part(x.lane, chr(31), 2), ',')) AS one (name)
              WHERE x.units IS NOT NULL
              GROUP BY one.name) AS r ON r.name = l.name
 CROSS JOIN LATERAL (
       SELECT sum(few.units) AS units, greatest(l.closed_until, max(few.closed_until)) AS closed_until
         FROM (SELECT n.units, n.closed_until
                 FROM lapinq_limit_news n
                WHERE n.limit_name = l.name
                ORDER BY n.limit_name, n.seq
                LIMIT 1000) AS few) AS news
$function$;
