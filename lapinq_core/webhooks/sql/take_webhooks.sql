-- Takes up to `limit` due webhooks, taking turns among their hosts: counts the try, and postpones the next one until
-- after the `lease`, in seconds, so that a try whose outcome is never recorded is repeated.
-- `hosts` and `places` limit how many to take of some hosts; `places_each` limits any other host. It scans 200 hosts
-- from `after` on, in their order, so a pass costs the same however many webhooks wait.
-- Returns a row for each, and at least one row, without an id if it took nothing; the last column is the host to
-- continue from if there may be more.
-- Locks the rows it scans, skipping locked ones. Relies on lapinq_webhooks_due_at and lapinq_webhooks_host. The array
-- forces that index even where statistics favour another (with an equality, any index would give the order).
WITH RECURSIVE waiting (host, number) AS (
    (SELECT host, 1
       FROM lapinq_webhooks
      WHERE state = 'pending'
        AND host > %(after)s::text
        AND (SELECT due_at FROM lapinq_webhooks WHERE state = 'pending' ORDER BY due_at LIMIT 1) <= lapinq_now()
      ORDER BY host
      LIMIT 1)
    UNION ALL
    SELECT (SELECT next.host
              FROM lapinq_webhooks next
             WHERE next.state = 'pending'
               AND next.host > w.host
             ORDER BY next.host
             LIMIT 1),
           w.number + 1
      FROM waiting w
     WHERE w.host IS NOT NULL
       AND w.number < 200
), due AS MATERIALIZED (
    SELECT d.place, d.due_at, row_number() OVER (PARTITION BY w.host ORDER BY d.due_at) AS turn
      FROM waiting w
      LEFT JOIN unnest(%(hosts)s::text[], %(places)s::integer[]) AS known (host, places) ON known.host = w.host
     CROSS JOIN LATERAL (
           SELECT ctid AS place, due_at
             FROM lapinq_webhooks
            WHERE state = 'pending'
              AND host = ANY (ARRAY[w.host])
              AND due_at <= lapinq_now()
            ORDER BY host, due_at
            LIMIT coalesce(known.places, %(places_each)s::integer)
              FOR UPDATE SKIP LOCKED) AS d
), picked AS MATERIALIZED (
    SELECT place
      FROM due
     ORDER BY turn, due_at
     LIMIT %(limit)s::integer
), taken AS (
    UPDATE lapinq_webhooks h
       SET tries = tries + 1,
           tried_at = lapinq_now(),
           due_at = lapinq_now() + %(lease)s::float8 * interval '1 second'
     WHERE h.ctid = ANY (ARRAY(SELECT place FROM picked))
    RETURNING h.*
)
SELECT t.seq, t.url, t.host, t.tries, t.due_at, extract(epoch FROM lapinq_now())::bigint, t.task_id::text, t.status,
       t.result, t.error, t.id::text, t.task_name, t.queue_name, t.attempt, to_json(t.started_at) #>> '{}',
       to_json(t.finished_at) #>> '{}', (SELECT host FROM waiting WHERE number = 200)
  FROM (SELECT) AS always
  LEFT JOIN taken t ON true
 ORDER BY t.seq
