-- Takes in the oldest and the newest news of a queue from `first_seq` on, of about 500 lanes each: what is urgent isn't
-- hidden behind what came during a pause. Gives keys the starts back that were not used, and returns those of the queue,
-- and the lanes to look at: not those that are open and of which the news only says that nothing came before their first
-- task; nor those whose key has nothing that waits. `opened` are new ones, which it opens. `last_seq`: of the
-- newest news.
-- Locks the rows that it deletes and changes; the caller holds the lock of the queue's row. Relies on
-- lapinq_lane_news_pkey and the primary keys.
CREATE FUNCTION lapinq_take_in_news_2(q lapinq_queues, first_seq bigint, OUT told text[], OUT opened text[], OUT returned float8,
                                      OUT last_seq bigint)
LANGUAGE plpgsql AS $function$
DECLARE
    nothing_came CONSTANT bigint := 9223372036854775807; -- complete.sql
    is_fair CONSTANT boolean := q.start_order = 'fair';
BEGIN
    WITH news AS MATERIALIZED (
        DELETE FROM lapinq_lane_news
         WHERE ctid = ANY (ARRAY(
               SELECT few.row_id
                 FROM ((SELECT n.ctid AS row_id,
                               sum(cardinality(n.lanes)) OVER (ORDER BY n.seq) - cardinality(n.lanes) AS before
                          FROM lapinq_lane_news n
                         WHERE n.queue_name = q.name
                           AND n.seq >= first_seq
                         ORDER BY n.queue_name, n.seq
                         LIMIT 50)
                       UNION ALL
                       (SELECT n.ctid,
                               sum(cardinality(n.lanes)) OVER (ORDER BY n.seq DESC) - cardinality(n.lanes)
                          FROM lapinq_lane_news n
                         WHERE n.queue_name = q.name
                           AND n.seq >= first_seq
                         ORDER BY n.queue_name DESC, n.seq DESC
                         LIMIT 50)) AS few
                WHERE few.before < 500))
        RETURNING lapinq_lane_news.seq, lapinq_lane_news.lanes, lapinq_lane_news.returned, lapinq_lane_news.rank
    ), of_lanes AS MATERIALIZED (
        SELECT lane, sum(n.returned::integer) AS starts, CASE WHEN count(*) = count(n.rank) THEN min(n.rank) END AS came
          FROM news n
         CROSS JOIN unnest(n.lanes) AS lane
         GROUP BY lane
    ), to_keys AS (
        UPDATE lapinq_keys k
           SET tokens = k.tokens + r.starts
          FROM (SELECT split_part(o.lane, chr(31), 1) AS key, sum(o.starts) AS starts
                  FROM of_lanes o
                 GROUP BY 1
                HAVING sum(o.starts) > 0) AS r
         CROSS JOIN LATERAL (
               SELECT x.ctid AS row_id
                 FROM lapinq_keys x
                WHERE x.queue_name = q.name
                  AND x.key = r.key
                LIMIT 1) AS one
         WHERE k.ctid = one.row_id
    )
    SELECT coalesce(array_agg(o.lane) FILTER (WHERE o.lane > '' AND NOT o.is_known), '{}'), coalesce(sum(o.starts), 0),
           (SELECT max(n.seq) FROM news n)
      INTO told, returned, last_seq
      FROM (SELECT n.*,
                   n.came IS NOT NULL
                   AND (coalesce((SELECT l.is_open AND (l.rank <= n.came OR q.start_order = 'fair')
                                    FROM lapinq_lanes l
                                   WHERE l.queue_name = q.name
                                     AND l.lane = n.lane
                                   LIMIT 1), false)
                        -- The end of a task may have made room in other lanes of its key.
                        AND NOT (n.came = nothing_came
                                 AND q.max_running_per_key IS NOT NULL
                                 AND n.lane >= ' '
                                 AND (SELECT count(*)
                                        FROM (SELECT
                                                FROM lapinq_lanes l
                                               WHERE l.queue_name = q.name
                                                 AND l.lane >= split_part(n.lane, chr(31), 1)
                                                 AND l.lane < split_part(n.lane, chr(31), 1) || ' '
                                               ORDER BY l.queue_name, l.lane
                                               LIMIT 2) AS of_key) > 1)
                        OR n.came = nothing_came
                           AND n.lane >= ' '
                           AND (SELECT true
                                  FROM lapinq_ready r
                                 WHERE r.queue_name = q.name
                                   AND r.lane >= split_part(n.lane, chr(31), 1)
                                   AND r.lane < split_part(n.lane, chr(31), 1) || ' '
                                 ORDER BY r.queue_name, r.lane, r.rank, r.seq
                                 LIMIT 1) IS NULL) AS is_known
              FROM of_lanes n) AS o;
    opened := '{}';
    IF q.start_order = 'strict_per_key' THEN
        RETURN;
    END IF;
    -- New lanes, in a statement for all. If a key has no room, the claim that meets its lane closes it.
    WITH new AS (
        INSERT INTO lapinq_lanes (queue_name, lane, names, is_open, rank, place, changed_at)
        SELECT q.name, t.lane, split_part(t.lane, chr(31), 2), true, CASE WHEN is_fair THEN 0 ELSE first.rank END,
               CASE WHEN is_fair THEN greatest(q.virtual_time, k.virtual_time) ELSE first.seq END, lapinq_now()
          FROM unnest(told) AS t (lane)
         CROSS JOIN LATERAL (
               SELECT r.rank, r.seq, coalesce(r.expires_at > lapinq_now(), true) AS is_live
                 FROM lapinq_ready r
                WHERE r.queue_name = q.name
                  AND r.lane BETWEEN t.lane AND t.lane
                ORDER BY r.queue_name, r.lane, r.rank, r.seq
                LIMIT 1) AS first
          LEFT JOIN LATERAL (
               SELECT x.virtual_time
                 FROM lapinq_keys x
                WHERE is_fair
                  AND x.queue_name = q.name
                  AND x.key = t.lane
                LIMIT 1) AS k ON true
         WHERE first.is_live
           AND NOT (is_fair AND split_part(t.lane, chr(31), 2) > '') -- its place may be shifted
         ORDER BY first.seq -- lanes at the same place start in the order of their rows
            ON CONFLICT (queue_name, lane) DO NOTHING
        RETURNING lapinq_lanes.lane
    )
    SELECT ARRAY(SELECT n.lane FROM new n) INTO opened;
    told := ARRAY(SELECT unnest(told) EXCEPT SELECT unnest(opened));
END
$function$;
