-- How many ready tasks of a queue may start now, counted up to 1,000: what is neither paused nor held back by a limit or a
-- circuit breaker. For scaling and alerts, so it may be a few too many: a limit that several queues share counts for each,
-- and a lane of which no claim has read news counts as open, or nobody would start the first worker.
-- Locks nothing. Reads at most 1,000 entries each of lapinq_ready_claim, lapinq_lanes_open, lapinq_lanes_opens_at and
-- lapinq_lane_news, and of all lanes found together 1,000 tasks of lapinq_ready_lane; of a queue with a limit, what runs.
CREATE OR REPLACE FUNCTION lapinq_startable(queue text)
RETURNS bigint
LANGUAGE sql
STABLE
SECURITY DEFINER
AS $function$
WITH news AS MATERIALIZED (
    SELECT DISTINCT lane
      FROM (SELECT lanes
              FROM lapinq_lane_news
             WHERE queue_name = lapinq_startable.queue
             ORDER BY queue_name, seq
             LIMIT 1000) AS first
     CROSS JOIN unnest(lanes) AS lane
), lanes AS MATERIALIZED (
    SELECT lane, split_part(lane, chr(31), 1) AS key, split_part(lane, chr(31), 2) AS names
      FROM (SELECT lane FROM news
             UNION
            (SELECT lane
               FROM lapinq_lanes
              WHERE queue_name = lapinq_startable.queue
                AND is_open
              LIMIT 1000)
             UNION
            (SELECT lane
               FROM lapinq_lanes
              WHERE queue_name = lapinq_startable.queue
                AND opens_at <= lapinq_now()
              ORDER BY queue_name, opens_at
              LIMIT 1000)) AS found
), limits AS MATERIALIZED (
    SELECT l.name,
           CASE WHEN l.blocked_by IS NULL
                THEN least(l.max_running - l.running
                           - CASE WHEN l.reserved_by <> lapinq_startable.queue THEN l.reserved_places ELSE 0 END,
                           floor(l.tokens - CASE WHEN l.reserved_by <> lapinq_startable.queue THEN l.reserved ELSE 0 END))
                ELSE 0 END AS room
      FROM lapinq_limits_now_1() AS l
     WHERE EXISTS (SELECT FROM lanes WHERE names > '')
), sets AS MATERIALIZED (
    SELECT names, array_agg(lane) AS lanes,
           (SELECT min(l.room) FROM limits l WHERE l.name = ANY (string_to_array(names, ','))) AS room
      FROM lanes
     GROUP BY names
), laned AS MATERIALIZED (
    SELECT count(*) AS tasks
      FROM (SELECT
              FROM sets s
             CROSS JOIN LATERAL (
                   SELECT
                     FROM unnest(s.lanes) AS l (lane)
                     LEFT JOIN lapinq_queues q ON q.name = lapinq_startable.queue
                     LEFT JOIN LATERAL (
                          SELECT CASE WHEN k.blocked_by IS NULL
                                      THEN least(CASE WHEN q.start_order = 'strict_per_key' THEN 1
                                                      ELSE q.max_running_per_key - k.running END, floor(k.tokens))
                                      ELSE 0 END AS room
                            FROM lapinq_key_now_1(q, split_part(l.lane, chr(31), 1)) AS k) AS of_key ON true
                    CROSS JOIN LATERAL (
                          SELECT
                            FROM lapinq_ready r
                           WHERE r.queue_name = lapinq_startable.queue
                             AND r.lane = l.lane
                           ORDER BY r.queue_name, r.lane, r.rank, r.seq
                           LIMIT greatest(0, least(of_key.room, 1000))) AS waiting
                    LIMIT greatest(0, least(s.room, 1000))) AS of_set
             LIMIT 1000) AS first
), others AS MATERIALIZED (
    SELECT count(*) AS tasks
      FROM (SELECT
              FROM lapinq_ready
             WHERE queue_name = lapinq_startable.queue
               AND rank <= 1099511627776
             ORDER BY queue_name, rank, seq
             LIMIT 1000) AS first
)
SELECT greatest(0, least(1000, others.tasks + laned.tasks,
                         CASE WHEN q.max_running IS NOT NULL
                              THEN q.max_running - (SELECT count(*)
                                                      FROM lapinq_running
                                                     WHERE queue_name = lapinq_startable.queue) END,
                         CASE WHEN NOT EXISTS (SELECT FROM news) THEN floor(lapinq_tokens(q.rate, q.tokens, q.tokens_at)) END,
                         (SELECT min(CASE WHEN b.kind = 'paused' THEN 0
                                          WHEN b.kind = 'breaker' THEN CASE num_nonnulls(b.until, b.probe) WHEN 0 THEN 1 ELSE 0 END END)
                            FROM lapinq_blocks_of_queue_1(q) AS b)))::bigint
  FROM others
 CROSS JOIN laned
  LEFT JOIN lapinq_queues q ON q.name = lapinq_startable.queue
$function$;
