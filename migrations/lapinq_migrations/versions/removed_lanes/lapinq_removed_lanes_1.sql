-- Of the lanes of removed tasks, those that claims have to look at again: in which nothing waits any more, or whose key
-- waited for one of the tasks in strict order. The others stay open or closed as they are, and a claim that meets one whose
-- first task is gone corrects its place. So the deletion of a million tasks of ten thousand keys makes news of ten thousand
-- lanes.
-- Takes arrays with an entry for each task; `ready` says which were in ready, not delayed. Returns rows for
-- lapinq_lane_news, of at most a hundred lanes each: a claim takes in whole rows.
-- It sees the tasks as the statement that removes them does, before that. It reads a lane from its end, as many tasks as
-- were removed: those removed earlier, whose dead rows may still be in the index, were most likely at its beginning.
-- Locks nothing. Relies on lapinq_ready_lane and the primary keys.
CREATE FUNCTION lapinq_removed_lanes_1(queues text[], lanes text[], ids uuid[], ready boolean[])
RETURNS TABLE (queue_name text, told text[]) LANGUAGE sql STABLE AS $function$
    WITH removed AS MATERIALIZED (
        SELECT r.queue, r.lane, count(*) FILTER (WHERE r.was_ready) AS were_ready, array_agg(r.id) AS ids
          FROM unnest(queues, lanes, ids, ready) AS r (queue, lane, id, was_ready)
         WHERE r.lane IS NOT NULL
         GROUP BY r.queue, r.lane
    ), found AS (
        SELECT r.queue, r.lane, (row_number() OVER (PARTITION BY r.queue ORDER BY r.lane) - 1) / 100 AS part
          FROM removed r
         WHERE r.were_ready > 0
               AND r.were_ready >= (SELECT count(*)
                                      FROM (SELECT
                                              FROM lapinq_ready w
                                             WHERE w.queue_name = r.queue
                                               AND w.lane BETWEEN r.lane AND r.lane
                                             ORDER BY w.queue_name DESC, w.lane DESC, w.rank DESC, w.seq DESC
                                             LIMIT greatest(0, r.were_ready + 1)) AS last)
            OR EXISTS (SELECT
                         FROM lapinq_lanes l
                        WHERE l.queue_name = r.queue
                          AND l.lane = r.lane
                          AND l.head = ANY (r.ids)
                       OFFSET 0)
            OR EXISTS (SELECT
                         FROM lapinq_keys k
                        WHERE k.queue_name = r.queue
                          AND k.key = split_part(r.lane, chr(31), 1)
                          AND k.holder = ANY (r.ids)
                       OFFSET 0)
    )
    SELECT f.queue, array_agg(f.lane)
      FROM found f
     GROUP BY f.queue, f.part
$function$;
