-- What tests/bench/dashboard/world.py fills a database with. A statement named as one of seed.sql stands in its place.

-- name: made
-- As in seed.sql. The first of the hundred busy queues gets a tenth of the tasks and the last a two hundredth, in each of
-- them the ten functions of its area. Of a hundred tasks `quiet` are in the queues of tenants, `strict` in those in strict order.
-- The first customer, acme, has a hundredth of the tasks.
CREATE TEMP TABLE made ON COMMIT DROP AS
SELECT n, h, digest, ms, area,
       to_timestamp(ms / 1000.0) AS created_at,
       (lpad(to_hex(ms), 12, '0') || '7' || substr(digest, 1, 3) || '8' || substr(digest, 4, 15))::uuid AS id,
       queue_name, task_name,
       'app.' || split_part(task_name, '_', 1) AS module_path,
       ('["' || customer || '", ' || n || ']')::json AS args,
       CASE WHEN area IN (0, 1, 11) THEN customer END AS key,
       CASE WHEN h / 31 %% 1000 < failing THEN 'failed'
            WHEN h / 31 %% 1000 < failing + 4 THEN 'cancelled'
            WHEN h / 31 %% 1000 < failing + 8 THEN 'expired'
            ELSE 'completed' END AS outcome,
       CASE area
            WHEN 0 THEN 'CardDeclined: card of ' || customer || ' declined'
            WHEN 1 THEN 'AccountFrozen: account ''' || customer || ''' has been frozen since 2026-11-' || 10 + h %% 20
            WHEN 2 THEN 'MailboxFull: mailbox of billing@' || customer || '.example is full'
            WHEN 3 THEN 'KeyError: ''column_' || h / 7 %% 30 || ''''
            WHEN 4 THEN 'TaskNotFound: module app.exports has no task ' || task_name
            WHEN 11 THEN 'CarrierError: no address for ' || customer
            ELSE (ARRAY['TimeoutError: timeout after ' || h %% 600 / 10.0 || ' s',
                        'ConnectionError: HTTPConnectionPool(host=''api-' || h %% 40 || '.example'', port=443)',
                        'ValueError: invalid literal for int() with base 10: ''' || substr(digest, 1, 6) || '''',
                        'IntegrityError: row ' || digest || ' is there already'])[1 + h / 7 %% 4]
       END AS error,
       0.01::float8 * power(10, scatter / 500) AS wait_seconds,
       -- A median of 10 ms to 10 s, and a long tail.
       0.01::float8 * power(10, (function * 37 %% 30)::float8 / 10 + scatter / 1000 * 1.2 - 0.6)
           * CASE WHEN h %% 97 = 0 THEN 8 ELSE 1 END AS run_seconds,
       CASE area WHEN 11 THEN 90 + h %% 2 ELSE area + 10 * (h %% 9) END AS worker,
       CASE WHEN h %% 10 = 0 THEN 5 ELSE 0 END AS priority
  FROM (SELECT n, h, digest, ms, area, customer, scatter,
               area * 10 + verb AS function,
               CASE area
                    WHEN 10 THEN 'tenant-' || lpad((n %% %(tenants)s + 1)::text, 4, '0')
                    WHEN 11 THEN (ARRAY['shipments', 'statements'])[1 + h %% 2]
                    ELSE CASE WHEN busy = 99 THEN 'partners-with-a-rather-long-name-that-somebody-chose.eu-central-1'
                              ELSE (%(areas)s::text[])[1 + area] || '-' || busy / 10 END
               END AS queue_name,
               CASE area
                    WHEN 10 THEN 'tenant_' || (ARRAY['sync', 'report', 'prune'])[1 + verb %% 3]
                    WHEN 11 THEN (ARRAY['ship_order', 'send_statement'])[1 + h %% 2]
                    ELSE (%(areas)s::text[])[1 + area] || '_' || (%(verbs)s::text[])[1 + verb]
               END AS task_name,
               CASE WHEN area = 0 AND verb = 7 THEN 150 WHEN area = 3 THEN 40 ELSE 15 END AS failing
          FROM (SELECT n, h, digest, ms, busy,
                       CASE WHEN h / 10007 %% 100 < %(quiet)s THEN 10
                            WHEN h / 10007 %% 100 >= 100 - %(strict)s THEN 11
                            ELSE busy %% 10 END AS area,
                       floor(10 * power((g %% 1009)::float8 / 1009, 1.5))::integer AS verb,
                       CASE customer WHEN 0 THEN 'acme' ELSE 'customer-' || lpad(customer::text, 5, '0') END AS customer,
                       scatter
                  FROM (SELECT *,
                               floor(100 * power((h %% 10007)::float8 / 10007, 2))::integer AS busy,
                               floor(10000 * power((g / 1009 %% 10007)::float8 / 10007, 2))::integer AS customer,
                               (g / 7 %% 1000)::float8 AS scatter
                          FROM (SELECT n,
                                       hashint4(n)::bigint & 2147483647 AS h,
                                       hashint4(-n)::bigint & 2147483647 AS g,
                                       md5(n::text) AS digest,
                                       %(start)s::bigint + ((n - %(base)s::bigint) * %(step)s::float8)::bigint AS ms
                                  FROM generate_series(%(first)s::integer, %(last)s::integer) AS n) AS numbers
                       ) AS draws
               ) AS places
       ) AS tasks

-- name: rollups
-- As workers write them and upkeep folds them, with the true histograms.
INSERT INTO lapinq_rollups (span, since, queue_name, started, completed, failed, retried, runs, waits)
SELECT span, since, queue_name, started, completed, failed, 3 * failed, runs.counts, waits.counts
  FROM (SELECT span, date_bin(span * interval '1 second', created_at, to_timestamp(0)) AS since, name AS queue_name,
               count(*) FILTER (WHERE outcome IN ('completed', 'failed')) AS started,
               count(*) FILTER (WHERE outcome = 'completed') AS completed,
               count(*) FILTER (WHERE outcome = 'failed') AS failed,
               array_agg(greatest(0, ceil(8 * (log(run_seconds) + 4)))::integer) AS runs,
               array_agg(greatest(0, ceil(8 * (log(wait_seconds) + 4)))::integer) AS waits
          FROM made
         CROSS JOIN (VALUES (10, interval '3 hours'), (60, interval '3 days'), (900, interval '30 days'))
                    AS spans (span, kept)
         CROSS JOIN LATERAL (VALUES (queue_name), ('')) AS names (name)
         WHERE created_at > now() - kept
         GROUP BY 1, 2, 3) AS r
 CROSS JOIN LATERAL (SELECT array_agg(coalesce(c.n, 0) ORDER BY place) AS counts
                       FROM generate_series(0, (SELECT max(p) FROM unnest(r.runs) AS p)) AS place
                       LEFT JOIN (SELECT p, count(*) AS n FROM unnest(r.runs) AS p GROUP BY p) AS c ON c.p = place) AS runs
 CROSS JOIN LATERAL (SELECT array_agg(coalesce(c.n, 0) ORDER BY place) AS counts
                       FROM generate_series(0, (SELECT max(p) FROM unnest(r.waits) AS p)) AS place
                       LEFT JOIN (SELECT p, count(*) AS n FROM unnest(r.waits) AS p GROUP BY p) AS c ON c.p = place) AS waits

-- name: task_rollups
-- The same for each task name, in wider spans.
INSERT INTO lapinq_task_rollups (span, since, queue_name, task_name, completed, failed, retried, runs)
SELECT span, since, queue_name, task_name, completed, failed, 3 * failed, runs.counts
  FROM (SELECT span, date_bin(span * interval '1 second', created_at, to_timestamp(0)) AS since, queue_name, task_name,
               count(*) FILTER (WHERE outcome = 'completed') AS completed,
               count(*) FILTER (WHERE outcome = 'failed') AS failed,
               array_agg(greatest(0, ceil(8 * (log(run_seconds) + 4)))::integer) AS runs
          FROM made
         CROSS JOIN (VALUES (60, interval '3 hours'), (900, interval '3 days'), (7200, interval '30 days'))
                    AS spans (span, kept)
         WHERE created_at > now() - kept
         GROUP BY 1, 2, 3, 4) AS r
 CROSS JOIN LATERAL (SELECT array_agg(coalesce(c.n, 0) ORDER BY place) AS counts
                       FROM generate_series(0, (SELECT max(p) FROM unnest(r.runs) AS p)) AS place
                       LEFT JOIN (SELECT p, count(*) AS n FROM unnest(r.runs) AS p GROUP BY p) AS c ON c.p = place) AS runs

-- name: levels
-- What the process on duty samples, for a week; ten queues grow.
INSERT INTO lapinq_levels (span, since, queue_name, sampled_at, ready, running)
SELECT span, since, queue_name, since, ready, running
  FROM (SELECT span, since, queue_name, running,
               CASE WHEN queue_name LIKE '%%-3' THEN 100 * (points - n) ELSE running * (12 + 8 * sin(n / 9.0)) END AS ready
          FROM (SELECT queue_name, count(*) AS running FROM lapinq_running GROUP BY queue_name) AS q
         CROSS JOIN (VALUES (60, 180), (900, 288), (7200, 84)) AS spans (span, points)
         CROSS JOIN LATERAL generate_series(0, points) AS n
         CROSS JOIN LATERAL date_bin(span * interval '1 second', now() - n * span * interval '1 second', to_timestamp(0))
                    AS since) AS sampled
 UNION ALL
SELECT span, since, '', since, 20000 + 9000 * sin(n / 9.0), 1400
  FROM (VALUES (60, 180), (900, 288), (7200, 84)) AS spans (span, points)
 CROSS JOIN LATERAL generate_series(0, points) AS n
 CROSS JOIN LATERAL date_bin(span * interval '1 second', now() - n * span * interval '1 second', to_timestamp(0)) AS since

-- name: workers
-- Nine for each area and two for the queues in strict order, of two releases; the tenants have none. One is quiet, one stops
-- and four have died. So long a lease that no other is declared dead while nobody beats for it.
INSERT INTO lapinq_workers (id, name, hostname, pid, version, release, queues, pool, concurrency, lease_seconds, started_at,
                            beat_at, dead_at, memory_bytes, running, rate, is_quiet, asked_to, asked_by, asked_at, registered)
SELECT lpad(n::text, 32, '0')::uuid,
       CASE WHEN n < 90 THEN areas[1 + n %% 10] || '-worker-' || n / 10 ELSE 'strict-worker-' || n END,
       'host-' || n / 4 || '.eu-central-1.example', 1000 + n, '2.0.0',
       CASE WHEN n %% 3 = 0 THEN '2026.11.3' ELSE '2026.12.0' END,
       CASE WHEN n < 90
            THEN ARRAY(SELECT queue_name FROM lapinq_counts WHERE queue_name LIKE areas[1 + n %% 10] || '-%%'
                       GROUP BY queue_name ORDER BY queue_name)
            ELSE ARRAY['shipments', 'statements'] END,
       'processes', 20, 2592000, now() - (1 + n) * interval '1 hour', now(),
       CASE WHEN n >= 92 THEN now() - n * interval '20 seconds' END,
       300000000 + n * 1000000, 16, 1.1, n = 15, CASE n WHEN 25 THEN 'stop' WHEN 15 THEN 'quiet' END,
       CASE WHEN n IN (15, 25) THEN 'lisa' END, CASE WHEN n IN (15, 25) THEN now() END,
       (SELECT jsonb_agg(jsonb_build_object(
                   'task_name', areas[1 + n %% 10] || '_' || verb, 'module_path', 'app.' || areas[1 + n %% 10],
                   'queue_name', areas[1 + n %% 10] || '-0', 'version', NULL,
                   'options', jsonb_build_object('max_retries', CASE WHEN n %% 3 = 0 THEN 3 ELSE 5 END),
                   'parameters', jsonb_build_array(
                       jsonb_build_object('name', 'customer', 'given', 'either', 'type', 'str', 'shape', 'text',
                                          'choices', NULL, 'may_be_null', false, 'is_required', true),
                       jsonb_build_object('name', 'number', 'given', 'either', 'type', 'int', 'shape', 'integer',
                                          'choices', NULL, 'may_be_null', false, 'is_required', true),
                       jsonb_build_object('name', 'dry_run', 'given', 'either', 'type', 'bool', 'shape', 'flag',
                                          'choices', NULL, 'may_be_null', false, 'is_required', false, 'default', true))))
          FROM unnest(%(verbs)s::text[]) AS verb)
  FROM generate_series(0, 95) AS n
 CROSS JOIN (SELECT %(areas)s::text[] AS areas) AS a

-- name: blocked
-- Tasks in strict order: of each key one has failed and waits for its retry, the others wait for that. 305 keys of
-- shipments, `keys` of statements.
CREATE TEMP TABLE made ON COMMIT DROP AS
SELECT n, place, customer AS key, queue_name, task_name, 'app.' || split_part(task_name, '_', 1) AS module_path,
       h, created_at, 0 AS priority, 'failed' AS outcome,
       ('["' || customer || '", ' || n || ']')::json AS args,
       CASE queue_name WHEN 'shipments' THEN 'CarrierError: no address for ' || customer
                       ELSE 'AccountFrozen: account ''' || customer || ''' has been frozen since 2026-11-12' END AS error,
       (lpad(to_hex((extract(epoch FROM created_at) * 1000)::bigint), 12, '0') || '7' || substr(digest, 1, 3) || '8'
        || substr(digest, 4, 15))::uuid AS id
  FROM (SELECT k.*, place, md5(queue_name || n || ' ' || place) AS digest, hashint4(n)::bigint & 2147483647 AS h,
               now() - interval '5 days' * ((hashint4(n)::bigint & 2147483647) / 2147483648.0)
                   + place * interval '5 seconds' AS created_at,
               'blocked-' || lpad(n::text, 5, '0') AS customer
          FROM (SELECT 'shipments' AS queue_name, 'ship_order' AS task_name, n FROM generate_series(1, 305) AS n
                 UNION ALL
                SELECT 'statements', 'send_statement', n FROM generate_series(1, %(keys)s) AS n) AS k
         CROSS JOIN LATERAL generate_series(0, 1 + n %% 4) AS place) AS tasks

-- name: blocking
WITH holders AS (
    INSERT INTO lapinq_delayed (id, due_at, queue_name, rank, starts, lane)
    SELECT id, now() + interval '1 day' + h %% 86400 * interval '1 second', queue_name, lapinq_rank(0, key), 1, key
      FROM made
     WHERE place = 0
), tried AS (
    INSERT INTO lapinq_attempts (task_id, attempt, final, outcome, error, run_seconds, claimed_at, finished_at, worker_id, token)
    SELECT id, 1, false, 'failed', error, 0.2, created_at, created_at + interval '0.2 seconds', lpad('90', 32, '0')::uuid, id
      FROM made
     WHERE place = 0
), held AS (
    INSERT INTO lapinq_keys (queue_name, key, holder, changed_at)
    SELECT queue_name, key, id, created_at
      FROM made
     WHERE place = 0
), counted AS (
    INSERT INTO lapinq_counts (queue_name, pending)
    SELECT queue_name, count(*)
      FROM made
     GROUP BY queue_name
)
INSERT INTO lapinq_ready (queue_name, rank, id, lane)
SELECT queue_name, lapinq_rank(0, key), id, key
  FROM made
 WHERE place > 0
 ORDER BY id

-- name: policies
-- Orders and limits of queues, ten without a task; people paused six busy queues and twenty tenants.
INSERT INTO lapinq_queues (name, max_running, max_running_per_key, rate, rate_per_key, start_order, weights, paused_at,
                           paused_by, pause_reason)
SELECT name,
       CASE WHEN name ~ '^(imports|video|seasonal)' THEN 60 END,
       CASE WHEN name ~ '^billing' THEN 20 END,
       CASE WHEN name ~ '^(mail|partners|seasonal)' THEN jsonb '{"limit": 600, "period_seconds": 60, "burst": 50}' END,
       CASE WHEN name ~ '^ledger' THEN jsonb '{"limit": 5, "period_seconds": 1, "burst": 100}' END,
       CASE WHEN name IN ('shipments', 'statements') THEN 'strict_per_key' WHEN name ~ '^billing' THEN 'fair' ELSE 'priority' END,
       CASE WHEN name ~ '^billing' THEN jsonb '{"acme": 3}' END,
       paused_at,
       CASE WHEN paused_at IS NOT NULL THEN (ARRAY['lisa', 'omar', 'eve'])[1 + length(name) %% 3] END,
       CASE WHEN paused_at IS NOT NULL THEN (ARRAY['ask Lisa before you resume it: the ledger is being rebuilt',
                                                   'the partner is down until Thursday',
                                                   'being moved to another region'])[1 + length(name) %% 3] END
  FROM (SELECT queue_name AS name FROM lapinq_counts UNION SELECT 'seasonal-' || n FROM generate_series(0, 9) AS n) AS names
 CROSS JOIN LATERAL (
       SELECT CASE WHEN name ~ '^(reports-[0-3]|exports-[56]|tenant-00[12].)$' THEN now() - length(name) * interval '7 hours' END
              AS paused_at) AS paused
 WHERE paused_at IS NOT NULL
    OR name ~ '^(billing|ledger|imports|video|mail|partners|seasonal|shipments|statements)'

-- name: breakers
-- Of queues and of functions; some are open.
WITH made AS (
    INSERT INTO lapinq_circuit_breakers (queue_name, task_name, failures_in_row, failure_share, window_seconds, least_attempts,
                                         retry_after_seconds, state, since, since_seq, failures, attempts, opened_at,
                                         pause_seconds, tries_at)
    SELECT CASE WHEN is_queue THEN name END, CASE WHEN NOT is_queue THEN name END, 20, 0.5, 60, 20, 30,
           CASE WHEN is_open THEN 'open' ELSE 'closed' END, now() - interval '20 minutes', 0,
           CASE WHEN is_open THEN 31 END, CASE WHEN is_open THEN 40 END,
           CASE WHEN is_open THEN now() - interval '20 minutes' END,
           CASE WHEN is_open THEN 864000 END, CASE WHEN is_open THEN now() + interval '10 days' END
      FROM (SELECT true AS is_queue, 'pictures-' || n AS name, n < 3 AS is_open FROM generate_series(0, 7) AS n
             UNION ALL
            SELECT false, 'search_' || verb, nth <= 2 FROM unnest(%(verbs)s::text[]) WITH ORDINALITY AS v (verb, nth) WHERE nth <= 4
           ) AS names
    RETURNING queue_name
)
INSERT INTO lapinq_queues (name, has_breaker)
SELECT queue_name, true FROM made WHERE queue_name IS NOT NULL

-- name: parked
-- The ready tasks of a function with an open breaker wait for it, as after their claim.
WITH gone AS (
    DELETE FROM lapinq_ready r
     USING lapinq_tasks t, lapinq_circuit_breakers b
     WHERE t.id = r.id
       AND b.task_name = t.task_name
       AND b.state = 'open'
       AND r.queue_name LIKE 'search-%%'
    RETURNING r.*, t.task_name
)
INSERT INTO lapinq_delayed (id, due_at, queue_name, rank, starts, lane, parked_for, parked_seq)
SELECT id, now() + interval '10 days', queue_name, rank, starts, lane, task_name, seq
  FROM gone

-- name: limits
INSERT INTO lapinq_limits (name, max_running, rate, tokens, tokens_at, closed_until, created_at)
SELECT name, CASE WHEN nth %% 2 = 1 THEN 5 END,
       CASE WHEN nth %% 2 = 0 THEN jsonb '{"limit": 90000, "period_seconds": 60, "burst": 90000}' END,
       CASE WHEN nth %% 2 = 0 THEN 0 END, CASE WHEN nth %% 2 = 0 THEN now() END,
       CASE WHEN nth = 4 THEN now() + interval '10 days' END, now()
  FROM (SELECT name, row_number() OVER () AS nth
          FROM unnest(ARRAY['gpu', 'openai', 'smtp', 'bank'] || ARRAY(SELECT 'partner-' || n FROM generate_series(1, 26) AS n)) AS name) AS l

-- name: limited
-- Tasks that wait for limits, stored as requests store them.
SELECT lapinq_store_tasks(json_agg(json_build_object(
           'id', lapinq_new_id(), 'queue_name', 'video-' || n %% 5, 'task_name', 'video_render', 'module_path', 'app.video',
           'args', json_build_array('acme', n), 'limits', json_build_object((ARRAY['gpu', 'openai', 'smtp', 'bank'])[1 + n %% 4], 1))))
  FROM generate_series(1, 2000) AS n

-- name: limited_running
-- Five of them run, as many as may.
WITH taken AS (
    DELETE FROM lapinq_ready
     WHERE id IN (SELECT id FROM lapinq_ready WHERE lane = chr(31) || 'gpu' ORDER BY seq LIMIT 5)
    RETURNING *
), counted AS (
    INSERT INTO lapinq_counts (queue_name, pending)
    SELECT queue_name, -1
      FROM taken
)
INSERT INTO lapinq_running (id, token, worker_id, queue_name, rank, attempt, claimed_at, deadline_at, lane, units)
SELECT id, id, lpad('6', 32, '0')::uuid, queue_name, rank, 1, now(), now() + interval '10 days', lane, units
  FROM taken

-- name: lanes
-- As claims make them of what waits.
SELECT lapinq_look_at_lanes_1(q, lanes, false)
  FROM (SELECT queue_name, array_agg(DISTINCT lane) AS lanes FROM lapinq_ready WHERE lane IS NOT NULL GROUP BY queue_name) AS w
  JOIN lapinq_queues q ON q.name = w.queue_name

-- name: laned
INSERT INTO lapinq_queues (name, is_laned)
SELECT DISTINCT queue_name, true FROM lapinq_ready WHERE lane IS NOT NULL
    ON CONFLICT (name) DO UPDATE SET is_laned = true

-- name: failures
-- What failed for good in five minutes: queue, function, first line of the error, when, how many, one of the tasks and
-- its traceback.
SELECT t.queue_name, t.task_name, split_part(left(a.error, 300), chr(10), 1),
       date_bin('5 minutes', a.finished_at, to_timestamp(0)) AS since, count(*), min(t.id::text), min(a.traceback)
  FROM lapinq_attempts a
  JOIN lapinq_tasks t ON t.id = a.task_id
 WHERE a.final
   AND a.outcome = 'failed'
 GROUP BY 1, 2, 3, 4
 ORDER BY 1, 2, 3, 4

-- name: group
INSERT INTO lapinq_error_groups (fingerprint, queue_name, task_name, kind, place, state, state_by, state_at, first_at, last_at,
                                 failed, retried, sample_task, sample_error, sample_frame, samples, workers, releases)
VALUES (decode(%(fingerprint)s, 'hex'), %(queue_name)s, %(task_name)s, %(kind)s, %(place)s, %(state)s,
        CASE WHEN %(state)s <> 'open' THEN 'lisa' END, CASE WHEN %(state)s <> 'open' THEN %(last_at)s::timestamptz END,
        %(first_at)s, %(last_at)s, %(failed)s, %(retried)s, %(sample_task)s, %(sample_error)s, %(sample_frame)s, %(samples)s,
        '{billing-worker-0,mail-worker-3}', '{2026.12.0,2026.11.3}')
RETURNING id

-- name: schedules
-- Four hundred; some are paused, and a dozen late, as no scheduler runs.
INSERT INTO lapinq_schedules (name, task_name, module_path, queue_name, args, kwargs, max_retries, priority, retry_delay,
                              retry_backoff, cron, every_seconds, timezone, anchor_at, jitter, misfire, misfire_limit, overlap,
                              paused_at, paused_by, pause_reason, next_fire_at, created_at, updated_at, updated_by)
SELECT CASE WHEN n = 0 THEN 'a-schedule-with-a-rather-long-name-in-which-no-space-stands-to-break-it'
            ELSE areas[1 + n %% 10] || '-' || verbs[1 + n / 10 %% 10] || '-' || lpad(n::text, 3, '0') END,
       areas[1 + n %% 10] || '_' || verbs[1 + n / 10 %% 10], 'app.' || areas[1 + n %% 10], areas[1 + n %% 10] || '-' || n %% 9,
       '["acme", 1]', '{}', 3, 0, 10, true,
       CASE WHEN n %% 3 > 0 THEN (ARRAY['0 3 * * *', '*/15 8-20 * * 1-5', '30 6 * * 1'])[1 + n %% 3] END,
       CASE WHEN n %% 3 = 0 THEN 60 * (1 + n %% 60) END,
       (ARRAY['UTC', 'Europe/Madrid', 'America/New_York'])[1 + n %% 3],
       now() - interval '60 days', 0, 'latest', 10, 'skip', paused_at, CASE WHEN paused_at IS NOT NULL THEN 'lisa' END,
       CASE WHEN paused_at IS NOT NULL THEN 'the studio is closed in December' END,
       CASE WHEN paused_at IS NULL
            THEN CASE WHEN n %% 33 = 0 THEN now() - n * interval '1 minute' - interval '5 minutes' ELSE now() + interval '10 days' END END,
       now() - interval '60 days', now() - interval '6 days', 'lisa'
  FROM generate_series(0, 399) AS n
 CROSS JOIN LATERAL (SELECT CASE WHEN n %% 41 = 7 THEN now() - interval '3 days' END AS paused_at) AS p
 CROSS JOIN (SELECT %(areas)s::text[] AS areas, %(verbs)s::text[] AS verbs) AS w

-- name: ticks
INSERT INTO lapinq_ticks (schedule_id, fire_at, fired_at, outcome, task_id)
SELECT s.id, at, at + interval '7 milliseconds', CASE WHEN n %% 29 = 0 THEN 'missed' WHEN n %% 13 = 0 THEN 'skipped' ELSE 'enqueued' END,
       CASE WHEN n %% 29 > 0 AND n %% 13 > 0 THEN t.ids[1 + (s.id * 31 + n) %% cardinality(t.ids)] END
  FROM lapinq_schedules s
 CROSS JOIN generate_series(1, 200) AS n
 CROSS JOIN LATERAL (SELECT date_trunc('hour', now()) - n * interval '3 hours' AS at) AS f
 CROSS JOIN (SELECT array_agg(id) AS ids FROM (SELECT id FROM lapinq_tasks WHERE queue_name = 'reports-0' ORDER BY id DESC LIMIT 1000) AS few) AS t

-- name: webhooks
INSERT INTO lapinq_webhooks (task_id, queue_name, task_name, url, status, attempt, finished_at, retry_since, due_at, state, tries,
                             tried_at, answer, failure)
SELECT t.id, t.queue_name, t.task_name, 'https://partner-' || n %% 30 || '.example/hooks/tasks/' || n, 'completed', 1,
       t.created_at, t.created_at, now() + CASE WHEN n %% 2 = 0 THEN -interval '1 hour' ELSE interval '10 days' END,
       CASE WHEN n <= 300 THEN 'pending' WHEN n <= 400 THEN 'given_up' ELSE 'delivered' END,
       CASE WHEN n <= 400 THEN 5 ELSE 1 END, CASE WHEN n > 300 THEN now() - n * interval '4 seconds' END,
       CASE WHEN n <= 400 THEN 500 ELSE 200 END, CASE WHEN n <= 400 THEN 'it answered 500' END
  FROM (SELECT *, row_number() OVER () AS n
          FROM (SELECT id, queue_name, task_name, created_at FROM lapinq_tasks ORDER BY id DESC LIMIT 60000) AS newest) AS t

-- name: flows
-- Workflows of six tasks, that have ended; in one of twenty the last one failed.
CREATE TEMP TABLE made ON COMMIT DROP AS
SELECT n, h, digest, created_at, workflow, place, NULL::text AS key, 0 AS priority, error,
       (lpad(to_hex(ms), 12, '0') || '8' || substr(digest, 1, 3) || '8' || substr(digest, 4, 15))::uuid AS id,
       'imports-1' AS queue_name, 'imports_' || (%(verbs)s::text[])[1 + place] AS task_name, 'app.imports' AS module_path,
       '["acme", 1]'::json AS args, 1.0::float8 AS wait_seconds, 0.5::float8 AS run_seconds, 3 AS worker,
       CASE WHEN place = 5 AND n / 6 %% 20 = 0 THEN 'failed' ELSE 'completed' END AS outcome
  FROM (SELECT n, n %% 6 AS place, hashint4(n)::bigint & 2147483647 AS h, md5('flow ' || n) AS digest,
               to_timestamp(floor(ms) / 1000) AS created_at, floor(ms)::bigint AS ms, 'ValueError: no rows' AS error,
               (lpad(to_hex(floor(ms)::bigint), 12, '0') || '7' || left(md5('workflow ' || n / 6), 3) || '8'
                || substr(md5('workflow ' || n / 6), 4, 15))::uuid AS workflow
          FROM generate_series(0, 6 * 3000 - 1) AS n
         CROSS JOIN LATERAL (SELECT extract(epoch FROM now()) * 1000 - (1 + n / 6) * 60000::numeric AS ms) AS m) AS flows

-- name: workflows
WITH tasks AS (
    INSERT INTO lapinq_workflow_tasks (task_id, workflow_id, ref, after_failure, waits_for, outcome)
    SELECT id, workflow, 'step-' || place, 'cancel', 0, outcome
      FROM made
), edges AS (
    INSERT INTO lapinq_workflow_edges (parent_id, child_id)
    SELECT p.id, c.id
      FROM made p
      JOIN made c ON c.workflow = p.workflow AND c.place = p.place + 1
)
INSERT INTO lapinq_workflows (id, name, is_open, status, created_at, ended_at, completed, failed, kept)
SELECT workflow, 'import of a day', false, CASE WHEN bool_or(outcome = 'failed') THEN 'failed' ELSE 'completed' END,
       min(created_at), max(created_at), count(*) FILTER (WHERE outcome = 'completed'), count(*) FILTER (WHERE outcome = 'failed'), 6
  FROM made
 GROUP BY workflow

-- name: asking
-- Durable tasks that wait for somebody's approval, and ask for it by a link.
CREATE TEMP TABLE made ON COMMIT DROP AS
SELECT n, n::bigint AS h, NULL::text AS key, 0 AS priority, 'orders' AS queue_name, 'approve_order' AS task_name,
       'app.orders' AS module_path, ('["acme", ' || n || ']')::json AS args, to_timestamp(ms / 1000) AS created_at,
       (lpad(to_hex(ms::bigint), 12, '0') || '7' || left(md5('asks ' || n), 3) || '8' || substr(md5('asks ' || n), 4, 15))::uuid AS id
  FROM generate_series(1, 3000) AS n
 CROSS JOIN LATERAL (SELECT floor(extract(epoch FROM now()) * 1000) - n * 120000::numeric AS ms) AS m

-- name: waits
WITH steps AS (
    INSERT INTO lapinq_steps (task_id, name, occurrence, kind, started_at, attempt, claim_seq, names)
    SELECT id, 'approve', 0, 'signal', created_at, 1, n, '{approve}'
      FROM made
), delayed AS (
    INSERT INTO lapinq_delayed (id, due_at, queue_name, rank)
    SELECT id, lapinq_until_woken(), queue_name, 0
      FROM made
), counted AS (
    INSERT INTO lapinq_counts (queue_name, pending)
    SELECT queue_name, count(*)
      FROM made
     GROUP BY queue_name
), decisions AS (
    INSERT INTO lapinq_decisions (task_id, name, step, occurrence, title, question, created_at, expires_at)
    SELECT id, 'approve', 'approve', 0, 'Approve order ' || n, 'It is larger than usual.', created_at, now() + interval '30 days'
      FROM made
    RETURNING id, expires_at
)
INSERT INTO lapinq_links (token_hash, decision_id, expires_at)
SELECT sha256(id::text::bytea), id, expires_at FROM decisions

-- name: people
-- The first user is the one that a server adds to a database without users.
WITH users AS (
    INSERT INTO lapinq_users (username, password_hash, role, created_at, reads)
    SELECT name, CASE nth WHEN 1 THEN %(password_hash)s ELSE 'none' END, CASE WHEN nth < 5 THEN 'admin' ELSE 'user' END,
           now() - interval '90 days', CASE WHEN nth > 20 THEN ARRAY['mail-0', 'mail-1'] END
      FROM unnest(ARRAY['lapinq', 'lisa', 'omar', 'eve'] || ARRAY(SELECT 'operator-' || n FROM generate_series(1, 37) AS n))
           WITH ORDINALITY AS u (name, nth)
    RETURNING id, username
), keys AS (
    INSERT INTO lapinq_api_keys (name, key_hash, hint, scopes, created_by, created_at, owner_id)
    SELECT 'key of ' || username, sha256(username::bytea), 'lq_' || left(username, 3), '{enqueue,read}', 'lisa', now(), id FROM users
), audit AS (
    INSERT INTO lapinq_audit (at, actor_kind, actor, action, target, details, address)
    SELECT now() - (50000 - n) * interval '12 seconds', 'user', (ARRAY['lisa', 'omar', 'eve'])[1 + n %% 3],
           (ARRAY['queue.pause', 'queue.resume', 'error.resolve', 'worker.quiet', 'task.requeue'])[1 + n %% 5],
           (ARRAY['reports-1', 'reports-1', '11', lpad((n %% 90)::text, 32, '0')::uuid::text, 'mail-3'])[1 + n %% 5],
           CASE WHEN n %% 5 = 0 THEN jsonb '{"reason": "the warehouse is being moved"}' END, '10.0.0.7'
      FROM generate_series(1, 50000) AS n
), rules AS (
    INSERT INTO lapinq_notify_rules (name, kind, url, events, queues, backlog_seconds, created_at, created_by, updated_at, next_at)
    SELECT areas || ' on call', 'slack', 'https://hooks.slack.example/services/T0/B0/' || areas, '{error.new,backlog,worker.dead}',
           ARRAY[areas || '-0'], 300, now(), 'lisa', now(), now() + interval '10 days'
      FROM unnest(%(areas)s::text[]) AS areas
    RETURNING id
)
INSERT INTO lapinq_notices (rule_id, event, details, state, created_at, tried_at, answer)
SELECT id, 'worker.dead', jsonb_build_object('event', 'worker.dead', 'worker_id', lpad('92', 32, '0')::uuid, 'worker_name', 'mail-worker-9',
                                             'dead_at', now() - n * interval '1 hour'),
       'sent', now() - n * interval '1 hour', now() - n * interval '1 hour', 200
  FROM rules
 CROSS JOIN generate_series(1, 200) AS n

-- name: age
-- How many seconds ago the last row of the charts ended.
SELECT extract(epoch FROM now() - max(since))::float8 - 10 FROM lapinq_rollups WHERE span = 10

-- name: now
SELECT (extract(epoch FROM now()) * 1000)::bigint

-- name: daily
-- How many tasks end in a day.
SELECT 8 * sum(started)::bigint
  FROM lapinq_rollups
 WHERE span = 900
   AND queue_name = ''
   AND since > (SELECT max(since) FROM lapinq_rollups WHERE span = 900) - interval '3 hours'

-- name: tenants
SELECT count(DISTINCT queue_name)::integer FROM lapinq_counts WHERE queue_name LIKE 'tenant-%%'

-- name: later
-- What the charts show of the last `seconds`, again as long after it: a multiple of all spans but the widest. What runs was
-- claimed as much later.
WITH rollups AS (
    INSERT INTO lapinq_rollups (span, since, queue_name, started, completed, failed, retried, runs, waits)
    SELECT span, since + %(seconds)s * interval '1 second', queue_name, started, completed, failed, retried, runs, waits
      FROM lapinq_rollups
     WHERE since > (SELECT max(since) FROM lapinq_rollups WHERE span = 10) - %(seconds)s * interval '1 second'
), task_rollups AS (
    INSERT INTO lapinq_task_rollups (span, since, queue_name, task_name, completed, failed, retried, runs)
    SELECT span, since + %(seconds)s * interval '1 second', queue_name, task_name, completed, failed, retried, runs
      FROM lapinq_task_rollups
     WHERE span < 7200
       AND since > (SELECT max(since) FROM lapinq_task_rollups WHERE span = 60) - %(seconds)s * interval '1 second'
), running AS (
    UPDATE lapinq_running
       SET claimed_at = claimed_at + %(seconds)s * interval '1 second'
)
INSERT INTO lapinq_levels (span, since, queue_name, sampled_at, ready, running)
SELECT span, since + %(seconds)s * interval '1 second', queue_name, sampled_at + %(seconds)s * interval '1 second', ready, running
  FROM lapinq_levels
 WHERE span < 7200
   AND since > (SELECT max(since) FROM lapinq_levels WHERE span = 60) - %(seconds)s * interval '1 second'
ON CONFLICT DO NOTHING
