-- How many ready tasks of a queue may start now, counted up to 1,000: what is neither paused nor held back by a limit or a
-- circuit breaker. For scaling and alerts, so it may be a few too many: a limit that several queues share counts for each,
-- and a lane of which no claim has read news counts as open, or nobody would start the first worker.
-- Locks nothing. Reads at most 1,000 entries each of lapinq_ready_claim, lapinq_lanes_open, lapinq_lanes_opens_at and
-- lapinq_lane_news, and of all lanes found together 1,000 tasks of lapinq_ready_lane; of a queue with a limit, what runs.
CREATE FUNCTION lapinq_startable(queue text)
RETURNS bigint
LANGUAGE sql
STABLE
AS $function$
WITH q AS MATERIALIZED (
    SELECT max_running, rate, lapinq_tokens(rate, tokens, tokens_at) AS tokens, paused_at, has_breaker, rate_per_key,
           CASE WHEN start_order = 'strict_per_key' THEN 1 ELSE max_running_per_key END AS per_key
      FROM (SELECT) AS one
      LEFT JOIN lapinq_queues ON name = lapinq_startable.queue
), news AS MATERIALIZED (
    SELECT DISTINCT lane
      FROM (SELECT lanes
              FROM lapinq_lane_news
             WHERE queue_name = lapinq_startable.queue
             ORDER BY queue_name, seq
             LIMIT 1000) AS first
     CROSS JOIN unnest(lanes) AS lane
), lanes AS MATERIALIZED (
    SELECT lane, split_part(lane, chr(31), 2) AS names
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
), running AS MATERIALIZED (
    SELECT name, count(*) AS tasks
      FROM lapinq_running
     CROSS JOIN LATERAL unnest(string_to_array(split_part(lane, chr(31), 2), ',')) AS name
     WHERE units IS NOT NULL
       AND EXISTS (SELECT FROM lanes WHERE names > '')
     GROUP BY name
), sets AS MATERIALIZED (
    SELECT names, array_agg(lane) AS lanes,
           (SELECT min(CASE WHEN l.closed_until > lapinq_now() THEN 0
                            ELSE least(l.max_running - coalesce(r.tasks, 0),
                                       floor(lapinq_tokens(l.rate, l.tokens, l.tokens_at))) END)
              FROM lapinq_limits l
              LEFT JOIN running r USING (name)
             WHERE l.name = ANY (string_to_array(names, ','))) AS room
      FROM lanes
     GROUP BY names
), laned AS MATERIALIZED (
    SELECT count(*) AS tasks
      FROM (SELECT
              FROM q
             CROSS JOIN sets s
             CROSS JOIN LATERAL (
                   SELECT
                     FROM (SELECT lane, split_part(lane, chr(31), 1) AS key FROM unnest(s.lanes) AS lane) AS l
                     LEFT JOIN LATERAL (
                          SELECT least(CASE WHEN q.per_key IS NOT NULL
                                            THEN q.per_key - (SELECT count(*)
                                                                FROM lapinq_running r
                                                               WHERE r.queue_name = lapinq_startable.queue
                                                                 AND split_part(r.lane, chr(31), 1) = l.key
                                                                 AND r.lane IS NOT NULL) END,
                                       CASE WHEN q.rate_per_key IS NOT NULL
                                            THEN floor(lapinq_tokens(q.rate_per_key, k.tokens, k.tokens_at)) END) AS room
                            FROM (SELECT) AS one
                            LEFT JOIN lapinq_keys k ON k.queue_name = lapinq_startable.queue AND k.key = l.key
                           WHERE l.key > '') AS of_key ON true
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
SELECT CASE WHEN q.paused_at IS NULL
            THEN greatest(0, least(1000, others.tasks + laned.tasks,
                                   CASE WHEN q.max_running IS NOT NULL
                                        THEN q.max_running - (SELECT count(*)
                                                                FROM lapinq_running
                                                               WHERE queue_name = lapinq_startable.queue) END,
                                   CASE WHEN NOT EXISTS (SELECT FROM news) THEN floor(q.tokens) END,
                                   CASE WHEN q.has_breaker
                                        THEN (SELECT CASE WHEN state = 'half_open' AND probe_id IS NULL
                                                               OR state = 'open' AND tries_at <= lapinq_now() THEN 1
                                                          WHEN state <> 'closed' THEN 0 END
                                                FROM lapinq_breakers
                                               WHERE queue_name = lapinq_startable.queue) END))
            ELSE 0
       END::bigint
  FROM q
 CROSS JOIN others
 CROSS JOIN laned
$function$;
