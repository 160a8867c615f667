-- How many starts of a queue, or of one of its keys, were given back in news that the next claim reads.
-- Locks nothing. Relies on lapinq_lane_news_pkey.
CREATE FUNCTION lapinq_returned_1(queue text, of_key text DEFAULT NULL) RETURNS bigint
LANGUAGE sql STABLE AS $function$
SELECT count(*)
  FROM (SELECT n.lanes, n.returned
          FROM lapinq_lane_news n
         WHERE n.queue_name = queue
         ORDER BY n.queue_name, n.seq
         LIMIT 1000) AS news
 CROSS JOIN unnest(news.lanes) AS lane
 WHERE news.returned
   AND (of_key IS NULL OR split_part(lane, chr(31), 1) = of_key)
$function$;
