-- What the policy of its queue, its key and its named limits allow a ready task now, as the next claim will find them: it
-- counts in what claims have not read yet of lapinq_lane_news and lapinq_limit_news. Returns a JSON object; no row for a
-- task that is not ready.
-- Of those who hold the places it names at most `named`, those that started first.
-- Locks nothing. Relies on the primary keys, lapinq_running_key and lapinq_running_units. Reads at most 1,000 news of the
-- queue and of each limit, and the running tasks that take from limits.
WITH task AS MATERIALIZED (
    SELECT w.queue_name, w.lane, w.units, split_part(w.lane, chr(31), 1) AS key,
           string_to_array(nullif(split_part(w.lane, chr(31), 2), ''), ',') AS names
      FROM lapinq_ready w
     WHERE w.id = %(id)s::uuid
), returned AS MATERIALIZED (
    SELECT split_part(lane, chr(31), 1) AS key
      FROM (SELECT n.lanes, n.returned
              FROM lapinq_lane_news n
             WHERE n.queue_name = (SELECT queue_name FROM task)
             ORDER BY n.queue_name, n.seq
             LIMIT 1000) AS news
     CROSS JOIN unnest(lanes) AS lane
     WHERE news.returned
), of_key AS MATERIALIZED (
    SELECT r.id, r.claimed_at
      FROM task t
     CROSS JOIN LATERAL (
           SELECT id, claimed_at
             FROM lapinq_running
            WHERE queue_name = t.queue_name
              AND split_part(lane, chr(31), 1) = t.key
              AND lane IS NOT NULL
           OFFSET 0) AS r
     WHERE t.key > ''
), of_limits AS MATERIALIZED (
    SELECT r.id, r.claimed_at, string_to_array(split_part(r.lane, chr(31), 2), ',') AS names
      FROM lapinq_running r
     WHERE r.units IS NOT NULL
       AND EXISTS (SELECT FROM task WHERE names IS NOT NULL)
)
SELECT json_build_object(
           'order', coalesce(q.start_order, 'priority'),
           'rate', q.rate,
           'tokens', lapinq_tokens(q.rate, q.tokens + (SELECT count(*) FROM returned), q.tokens_at),
           'key', CASE WHEN t.key > '' THEN json_build_object(
               'max_running', q.max_running_per_key,
               'running', (SELECT count(*) FROM of_key),
               'held_by', (SELECT json_agg(json_build_object('id', id, 'since', claimed_at) ORDER BY claimed_at, id)
                             FROM (SELECT * FROM of_key ORDER BY claimed_at, id LIMIT %(named)s::integer) AS first),
               'rate', q.rate_per_key,
               'tokens', lapinq_tokens(q.rate_per_key,
                                       k.tokens + (SELECT count(*) FROM returned WHERE returned.key = t.key), k.tokens_at),
               'head', CASE WHEN q.start_order = 'strict_per_key' THEN
                   (SELECT json_build_object('id', id, 'due_at', due_at, 'state', state)
                      FROM (SELECT id, due_at, state
                              FROM (SELECT id, NULL AS due_at, 'running' AS state, lane
                                      FROM lapinq_running
                                     WHERE id = k.holder
                                    UNION ALL
                                    SELECT id, CASE WHEN parked_for IS NULL THEN due_at END,
                                           CASE WHEN parked_for IS NULL THEN 'delayed' ELSE 'ready' END, lane
                                      FROM lapinq_delayed
                                     WHERE id = k.holder
                                    UNION ALL
                                    SELECT id, NULL, 'ready', lane FROM lapinq_ready WHERE id = k.holder
                                    OFFSET 0) AS last
                             WHERE split_part(lane, chr(31), 1) = k.key -- a task may be replaced by one of another key
                            UNION ALL
                            SELECT id, NULL, 'running' FROM of_key) AS holder
                     LIMIT 1) END) END,
           'limits', (SELECT json_agg(json_build_object(
                          'name', l.name,
                          'units', need.units,
                          'max_running', l.max_running,
                          'running', (SELECT count(*) FROM of_limits r WHERE l.name = ANY (r.names)),
                          'held_by', (SELECT json_agg(json_build_object('id', id, 'since', claimed_at)
                                                      ORDER BY claimed_at, id)
                                        FROM (SELECT r.id, r.claimed_at
                                                FROM of_limits r
                                               WHERE l.name = ANY (r.names)
                                               ORDER BY r.claimed_at, r.id
                                               LIMIT %(named)s::integer) AS first),
                          'rate', l.rate,
                          'tokens', lapinq_tokens(l.rate, coalesce(l.tokens, (l.rate ->> 'burst')::float8)
                                                          + coalesce(news.units, 0), l.tokens_at)
                                    - CASE WHEN l.reserved_by <> t.queue_name AND l.reserved_until > lapinq_now()
                                           THEN l.reserved_units ELSE 0 END,
                          'closed_until', greatest(l.closed_until, news.closed_until)) ORDER BY l.name)
                        FROM unnest(t.names, t.units) AS need (name, units)
                        JOIN lapinq_limits l ON l.name = need.name
                       CROSS JOIN LATERAL (
                             SELECT sum(units) AS units, max(closed_until) AS closed_until
                               FROM (SELECT units, closed_until
                                       FROM lapinq_limit_news
                                      WHERE limit_name = l.name
                                      ORDER BY limit_name, seq
                                      LIMIT 1000) AS few) AS news))::text
  FROM task t
  LEFT JOIN lapinq_queues q ON q.name = t.queue_name
  LEFT JOIN LATERAL (
       SELECT key, holder, tokens, tokens_at
         FROM lapinq_keys
        WHERE queue_name = t.queue_name
          AND key = t.key
          AND t.key > ''
        LIMIT 1) AS k ON true
