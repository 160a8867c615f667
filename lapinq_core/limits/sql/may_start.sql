-- Those of several queues with a policy of which a task may start, or one that has to be looked at (`may_start`), or of which
-- one may start at a known time: not while a rate, a circuit breaker or a closed limit holds back what no full one does. In
-- the others all that waits needs a place, which nobody announces. A look without the locks of the queues' rows, before claims
-- under them. A queue whose first task with a key or limits has come may have no row yet.
-- Reads the newest version of a queue's row first, as lapinq_claim_governed_2 does.
-- OFFSET 0 keeps a look a look by index: without it PostgreSQL may read the table once, for all queues, or look twice.
-- Of lanes with named limits none may start while each set of limits has one without room, of which there is no news.
-- Locks nothing. Relies on lapinq_lanes_open, lapinq_lanes_opens_at, lapinq_ready_claim, lapinq_running_units and the
-- primary keys.
SELECT a.queue_name, found.may_start
  FROM unnest(%(queues)s::text[], %(mark_ranks)s::bigint[], %(mark_seqs)s::bigint[]) AS a (queue_name, mark_rank, mark_seq)
  LEFT JOIN LATERAL (
       SELECT x AS q
         FROM lapinq_queues x
        WHERE x.name BETWEEN a.queue_name AND a.queue_name
        ORDER BY x.name DESC
        LIMIT 1) AS newest ON true
 CROSS JOIN LATERAL (
       SELECT bool_or(b.kind NOT IN ('breaker', 'queue_rate')) AS need_place
         FROM lapinq_blocks_of_queue_1(newest.q) AS b
        WHERE CASE b.kind
              WHEN 'breaker' THEN num_nonnulls(b.until, b.probe) > 0 -- else one task may be its probe
              WHEN 'queue_rate' THEN NOT EXISTS (SELECT
                                                   FROM lapinq_lane_news n
                                                  WHERE n.queue_name = a.queue_name
                                                 OFFSET 0)
              ELSE true END) AS blocks
 CROSS JOIN LATERAL (
       WITH sets AS MATERIALIZED (
           SELECT o.names
             FROM lapinq_open_sets_1(a.queue_name) AS o
       ), without_room AS MATERIALIZED (
           SELECT w.name FROM unnest(lapinq_limits_without_room_3(a.queue_name, ARRAY(SELECT names FROM sets))) AS w (name)
       )
       SELECT CASE
              WHEN blocks.need_place THEN NULL
              WHEN NOT blocks.need_place THEN false
              WHEN EXISTS (SELECT FROM lapinq_lane_news n WHERE n.queue_name = a.queue_name OFFSET 0)
                   OR (newest.q).is_laned
                      AND (EXISTS (SELECT FROM lapinq_lanes l WHERE l.queue_name = a.queue_name AND l.is_open AND l.names = '' OFFSET 0)
                           OR EXISTS (SELECT
                                        FROM sets
                                       WHERE NOT (SELECT bool_or(one.name IN (SELECT w.name FROM without_room w))
                                                    FROM unnest(string_to_array(names, ',')) AS one (name))
                                      OFFSET 0)
                           OR EXISTS (SELECT FROM lapinq_lanes l WHERE l.queue_name = a.queue_name AND l.opens_at <= lapinq_now() OFFSET 0))
                   OR EXISTS (SELECT
                                FROM lapinq_ready r
                               WHERE r.queue_name = a.queue_name
                                 AND (r.rank, r.seq) >= (a.mark_rank, a.mark_seq)
                                 AND r.rank <= 1099511627776
                             OFFSET 0)
              THEN true
              WHEN EXISTS (SELECT FROM lapinq_lanes l WHERE l.queue_name = a.queue_name AND l.opens_at > lapinq_now() OFFSET 0)
                   OR EXISTS (SELECT
                                FROM sets
                               WHERE NOT (SELECT bool_or(one.name IN (SELECT l.name
                                                                        FROM without_room w
                                                                        JOIN lapinq_limits l USING (name)
                                                                       WHERE l.rate IS NULL
                                                                         AND (l.closed_until > lapinq_now()) IS NOT TRUE))
                                            FROM unnest(string_to_array(names, ',')) AS one (name))
                              OFFSET 0)
              THEN false END AS may_start
       OFFSET 0) AS found
 WHERE found.may_start IS NOT NULL
