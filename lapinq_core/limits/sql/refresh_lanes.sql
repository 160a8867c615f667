-- Looks again at lanes of a queue in which something happened, and at those whose time has come: whether their first task
-- may start, and its place in the order. Takes news of about a thousand lanes. The lanes of a key are looked at together.
-- A lane that opens again has no credit: in fair order it goes on at the queue's virtual time, without the shift of its set
-- of limits (pick_governed.sql).
-- Tasks of a lane are looked up BETWEEN it and itself. By equality the order by lane would not count, and where most tasks
-- are of one lane, the planner would expect to meet one of any lane soon in the index of the whole queue, and read it all.
-- Locks the rows that it writes; the caller holds the lock of the queue's row. Relies on lapinq_lane_news_pkey,
-- lapinq_ready_lane and lapinq_running_key.
WITH q AS MATERIALIZED (
    SELECT max_running_per_key, rate_per_key, start_order, virtual_time, lane_shifts
      FROM lapinq_queues
     WHERE name = %(queue)s::text
), news AS MATERIALIZED (
    DELETE FROM lapinq_lane_news
     WHERE ctid = ANY (ARRAY(SELECT row_id
                               FROM (SELECT n.ctid AS row_id,
                                            sum(cardinality(lanes)) OVER (ORDER BY seq) - cardinality(lanes) AS before
                                       FROM lapinq_lane_news n
                                      WHERE n.queue_name = %(queue)s::text
                                      ORDER BY n.queue_name, n.seq
                                      LIMIT 100) AS first
                              WHERE before < 1000))
    RETURNING lanes, returned, rank
), told AS MATERIALIZED (
    SELECT lane, split_part(lane, chr(31), 1) AS key, sum(returned) AS returned,
           sum(sum(returned)) OVER (PARTITION BY split_part(lane, chr(31), 1)) AS returned_to_key,
           CASE WHEN count(*) = count(rank) THEN min(rank) END AS came
      FROM (SELECT lane, returned::integer AS returned, rank
              FROM news
             CROSS JOIN unnest(lanes) AS lane
             UNION ALL
            (SELECT lane, 0, NULL
               FROM lapinq_lanes
              WHERE queue_name = %(queue)s::text
                AND opens_at <= lapinq_now()
              ORDER BY queue_name, opens_at
              LIMIT 1000)) AS found
     GROUP BY lane
), returned_to_keys AS (
    UPDATE lapinq_keys k
       SET tokens = k.tokens + t.returned
      FROM (SELECT key, sum(returned) AS returned FROM told GROUP BY key HAVING sum(returned) > 0) AS t
     CROSS JOIN LATERAL (
           SELECT ctid AS row_id
             FROM lapinq_keys
            WHERE queue_name = %(queue)s::text
              AND key = t.key
            LIMIT 1) AS one
     WHERE k.ctid = one.row_id
), returned_to_queue AS (
    UPDATE lapinq_queues
       SET tokens = tokens + (SELECT sum(returned) FROM told)
     WHERE name = %(queue)s::text
       AND (SELECT sum(returned) FROM told) > 0
), changed AS MATERIALIZED (
    SELECT t.*
      FROM told t
     CROSS JOIN q
     WHERE t.lane > '' -- else tasks without a lane gave back their starts
       AND (t.came IS NULL
            OR (SELECT l.is_open AND (l.rank <= t.came OR q.start_order <> 'priority')
                  FROM lapinq_lanes l
                 WHERE l.queue_name = %(queue)s::text
                   AND l.lane = t.lane
                 LIMIT 1) IS NOT TRUE)
), lanes AS MATERIALIZED (
    SELECT lane, key, returned_to_key
      FROM changed
     UNION
    SELECT l.lane, t.key, t.returned_to_key
      FROM changed t
     CROSS JOIN LATERAL (SELECT lane
                           FROM lapinq_lanes
                          WHERE queue_name = %(queue)s::text
                            AND lane >= t.key
                            AND lane < t.key || ' '
                          ORDER BY queue_name, lane
                          LIMIT 1000) AS l
     WHERE t.key > '' -- tasks without a key share nothing
), firsts AS MATERIALIZED (
    SELECT l.lane, l.key, k.holder, q.start_order,
           q.start_order = 'strict_per_key' AND l.key <> '' AS is_strict,
           coalesce(strict.id, first.id) AS id,
           coalesce(strict.rank, first.rank) AS rank,
           coalesce(strict.seq, first.seq) AS seq,
           strict.turn,
           greatest(k.virtual_time, q.virtual_time)
           - CASE WHEN q.start_order = 'fair' AND l.names > ''
                  THEN greatest(0, (q.lane_shifts ->> l.names)::float8, q.virtual_time - beside.place)
                  ELSE 0 END AS place,
           CASE WHEN l.key <> '' THEN
                least(q.max_running_per_key, CASE WHEN q.start_order = 'strict_per_key' THEN 1 END)
           END AS most,
           CASE WHEN l.key <> '' THEN
                (1 - l.returned_to_key - lapinq_tokens(q.rate_per_key, k.tokens, k.tokens_at))
                * (q.rate_per_key ->> 'period_seconds')::float8 / (q.rate_per_key ->> 'limit')::float8
           END AS opens_in
      FROM (SELECT *, split_part(lane, chr(31), 2) AS names FROM lanes) AS l
     CROSS JOIN q
      LEFT JOIN LATERAL (
           SELECT virtual_time, tokens, tokens_at, holder
             FROM lapinq_keys
            WHERE queue_name = %(queue)s::text
              AND key = l.key
            LIMIT 1) AS k ON true
      LEFT JOIN LATERAL (
           SELECT place
             FROM lapinq_lanes
            WHERE q.start_order = 'fair'
              AND l.names > ''
              AND queue_name = %(queue)s::text
              AND is_open
              AND names = l.names
            ORDER BY queue_name, names, rank, place
            LIMIT 1) AS beside ON true
      LEFT JOIN LATERAL (
           SELECT id, rank, seq
             FROM lapinq_ready
            WHERE queue_name = %(queue)s::text
              AND lane BETWEEN l.lane AND l.lane
            ORDER BY queue_name, lane, rank, seq
            LIMIT 1) AS first ON true
      LEFT JOIN LATERAL (
           -- The task that started last if it waits again, else the one that waits longest, whatever its priority.
           WITH RECURSIVE ranks AS (
               (SELECT id, rank, seq
                  FROM lapinq_ready
                 WHERE q.start_order = 'strict_per_key'
                   AND queue_name = %(queue)s::text
                   AND lane BETWEEN l.lane AND l.lane
                 ORDER BY queue_name, lane, rank, seq
                 LIMIT 1)
               UNION ALL
               SELECT next.id, next.rank, next.seq
                 FROM ranks
                CROSS JOIN LATERAL (
                      SELECT r.id, r.rank, r.seq
                        FROM lapinq_ready r
                       WHERE r.queue_name = %(queue)s::text
                         AND (r.lane, r.rank) > (l.lane, ranks.rank)
                         AND r.lane <= l.lane
                       ORDER BY r.queue_name, r.lane, r.rank, r.seq
                       LIMIT 1) AS next
           )
           SELECT id, rank, seq, 0 AS turn
             FROM (SELECT id, rank, seq, lane FROM lapinq_ready WHERE id = k.holder OFFSET 0) AS last
            WHERE q.start_order = 'strict_per_key'
              AND lane = l.lane
            UNION ALL
           SELECT id, rank, seq, seq
             FROM ranks
            ORDER BY turn
            LIMIT 1) AS strict ON l.key <> '' -- tasks without a key have no order
), heads AS MATERIALIZED (
    SELECT f.*,
           f.id IS NOT NULL
           AND (f.most IS NULL OR f.most > (SELECT count(*)
                                              FROM lapinq_running r
                                             WHERE r.queue_name = %(queue)s::text
                                               AND split_part(r.lane, chr(31), 1) = f.key
                                               AND r.lane IS NOT NULL))
           AND (NOT f.is_strict
                OR f.turn = min(f.turn) OVER (PARTITION BY f.key)
                   AND NOT EXISTS (SELECT
                                      FROM lapinq_delayed
                                     WHERE id = f.holder
                                       AND split_part(lane, chr(31), 1) = f.key)) AS may_start
      FROM firsts f
)
INSERT INTO lapinq_lanes AS l (queue_name, lane, names, is_open, rank, place, head, opens_at, changed_at)
SELECT %(queue)s::text, lane, split_part(lane, chr(31), 2),
       may_start AND (opens_in IS NULL OR opens_in <= 0),
       CASE WHEN start_order = 'priority' THEN coalesce(rank, 0) ELSE 0 END,
       CASE WHEN start_order = 'fair' THEN place ELSE coalesce(seq, 0) END,
       CASE WHEN is_strict THEN id END,
       CASE WHEN may_start AND opens_in > 0 THEN lapinq_now() + least(opens_in, 3155760000) * interval '1 second' END,
       lapinq_now()
  FROM heads
    ON CONFLICT (queue_name, lane) DO UPDATE
   SET is_open = excluded.is_open,
       rank = excluded.rank,
       place = CASE WHEN l.is_open AND excluded.is_open AND (SELECT start_order = 'fair' FROM q)
                    THEN least(l.place, excluded.place)
                    ELSE excluded.place END,
       head = excluded.head,
       opens_at = excluded.opens_at,
       changed_at = excluded.changed_at
 WHERE (l.is_open, l.rank, l.head, l.opens_at)
       IS DISTINCT FROM (excluded.is_open, excluded.rank, excluded.head, excluded.opens_at)
    OR l.place <> excluded.place AND NOT (l.is_open AND (SELECT start_order = 'fair' FROM q))
