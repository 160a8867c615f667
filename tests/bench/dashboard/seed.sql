-- What tests/bench/dashboard/seed.py fills a database with.

-- name: partitions
-- The statements that add the partitions of the last weeks.
SELECT format('CREATE TABLE %%1$I (LIKE %%2$I INCLUDING ALL);'
              ' ALTER TABLE %%2$I ATTACH PARTITION %%1$I FOR VALUES FROM (%%3$L) TO (%%4$L)',
              partition, parent, ids[1], ids[2])
  FROM generate_series(0, %(weeks)s) AS n
 CROSS JOIN LATERAL (SELECT date_trunc('week', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' - n * interval '7 days')
            AS weeks (week)
 CROSS JOIN LATERAL (SELECT array_agg((lpad(to_hex((extract(epoch FROM bound) * 1000)::bigint), 12, '0')
                                       || repeat('0', 20))::uuid ORDER BY bound)
                       FROM (VALUES (week), (week + interval '7 days')) AS bounds (bound)) AS bounds (ids)
 CROSS JOIN (VALUES ('lapinq_tasks'), ('lapinq_attempts')) AS parents (parent)
 CROSS JOIN LATERAL (SELECT parent || to_char(week AT TIME ZONE 'UTC', '_YYYYMMDD')) AS names (partition)
 WHERE to_regclass(partition) IS NULL

-- name: made
-- A number becomes a task: `h` scatters what goes by it, `ms` is when it was enqueued, spread evenly from `start` on.
CREATE TEMP TABLE made ON COMMIT DROP AS
SELECT m.*,
       to_timestamp(ms / 1000.0) AS created_at,
       (lpad(to_hex(ms), 12, '0') || '7' || substr(digest, 1, 3) || '8' || substr(digest, 4, 15))::uuid AS id,
       CASE WHEN h %% 100000 = 0 THEN 'rare' ELSE 'queue-' || lpad((h %% 19)::text, 2, '0') END AS queue_name,
       'task_' || lpad((h / 19 %% 50)::text, 2, '0') AS task_name,
       'app.jobs.task_' || lpad((h / 19 %% 50)::text, 2, '0') AS module_path,
       ('["customer-' || h %% 100000 || '", ' || n || ']')::json AS args,
       NULL::text AS key,
       CASE WHEN h / 1000 %% 1000 < 20 THEN 'failed'
            WHEN h / 1000 %% 1000 < 25 THEN 'cancelled'
            WHEN h / 1000 %% 1000 < 30 THEN 'expired'
            ELSE 'completed' END AS outcome,
       (ARRAY['TimeoutError: timeout after ' || h %% 600 / 10.0 || ' s',
              'ConnectionError: HTTPConnectionPool(host=''api-' || h %% 40 || '.example'', port=443)',
              'KeyError: ''customer-' || h %% 100000 || '''',
              'ValueError: invalid literal for int() with base 10: ''' || substr(digest, 1, 6) || '''',
              'IntegrityError: row ' || digest || ' is there already'])[1 + h / 7 %% 5]
       || (ARRAY['', ' (while reading)', ' (while writing)', ' (primary)', ' (replica)',
                 E'\nDETAIL: request ' || substr(digest, 1, 8)])[1 + h / 35 %% 6] AS error,
       1.0::float8 AS wait_seconds,
       h %% 1000 / 100.0::float8 AS run_seconds,
       n %% %(workers)s AS worker,
       CASE WHEN h %% 10 = 0 THEN 5 ELSE 0 END AS priority
  FROM (SELECT n,
               hashint4(n)::bigint & 2147483647 AS h,
               md5(n::text) AS digest,
               %(start)s::bigint + ((n - %(base)s::bigint) * %(step)s::float8)::bigint AS ms
          FROM generate_series(%(first)s::integer, %(last)s::integer) AS n) AS m

-- name: tasks
INSERT INTO lapinq_tasks (id, queue_name, task_name, module_path, args, kwargs, max_retries, priority, retry_delay,
                          retry_backoff, created_at, key)
SELECT id, queue_name, task_name, module_path, args, '{"dry_run": false}', 3, priority, 10, true, created_at, key
  FROM made

-- name: attempts
INSERT INTO lapinq_attempts (task_id, attempt, final, outcome, result, error, traceback, run_seconds, claimed_at,
                             finished_at, worker_id, token)
SELECT id,
       CASE WHEN outcome = 'failed' AND final THEN 4 WHEN outcome = 'failed' THEN 3 WHEN started THEN 1 ELSE 0 END,
       final,
       outcome,
       CASE WHEN outcome = 'completed' THEN '{"rows": ' || h %% 1000 || '}' END,
       CASE outcome
            WHEN 'failed' THEN error
            WHEN 'cancelled' THEN 'cancelled by a person'
            WHEN 'expired' THEN 'its time to live ran out before it could start' END,
       CASE outcome
            WHEN 'failed'
            THEN repeat(E'  File "/usr/lib/python3.13/asyncio/tasks.py", line 507, in wait_for\n    return await fut\n', 5)
                 || format(E'  File "/app/jobs.py", line 12, in %%s\n    raise %%s(customer)\n', task_name, split_part(error, ':', 1)) END,
       CASE WHEN started THEN run_seconds END,
       CASE WHEN started THEN created_at + wait_seconds * interval '1 second' END,
       created_at + (wait_seconds + run_seconds) * interval '1 second',
       CASE WHEN started THEN lpad(worker::text, 32, '0')::uuid END,
       CASE WHEN started THEN id END
  FROM made
 CROSS JOIN LATERAL (SELECT outcome IN ('completed', 'failed')) AS o (started)
 CROSS JOIN LATERAL (SELECT true UNION ALL SELECT false WHERE outcome = 'failed') AS e (final)

-- name: counts
INSERT INTO lapinq_counts (queue_name, completed, failed, cancelled, expired)
SELECT queue_name, count(*) FILTER (WHERE outcome = 'completed'), count(*) FILTER (WHERE outcome = 'failed'),
       count(*) FILTER (WHERE outcome = 'cancelled'), count(*) FILTER (WHERE outcome = 'expired')
  FROM made
 GROUP BY queue_name

-- name: rollups
-- As workers write them and upkeep folds them: for each queue, and under no name for all of them. Runs and waits are
-- spread over a few buckets of the histogram.
INSERT INTO lapinq_rollups (span, since, queue_name, started, completed, failed, runs, waits)
SELECT span, date_bin(span * interval '1 second', created_at, to_timestamp(0)), name,
       count(*) FILTER (WHERE outcome IN ('completed', 'failed')), count(*) FILTER (WHERE outcome = 'completed'),
       count(*) FILTER (WHERE outcome = 'failed'),
       array_fill(0::bigint, ARRAY[12]) || array_fill(1 + count(*) / 20, ARRAY[16]),
       array_fill(0::bigint, ARRAY[8]) || array_fill(1 + count(*) / 20, ARRAY[20])
  FROM made
 CROSS JOIN (VALUES (10, interval '3 hours'), (60, interval '3 days'), (900, interval '30 days')) AS spans (span, kept)
 CROSS JOIN LATERAL (VALUES (queue_name), ('')) AS names (name)
 WHERE created_at > now() - kept
 GROUP BY 1, 2, 3

-- name: task_rollups
-- The same for each task name, in wider spans.
INSERT INTO lapinq_task_rollups (span, since, queue_name, task_name, completed, failed, runs)
SELECT span, date_bin(span * interval '1 second', created_at, to_timestamp(0)), queue_name, task_name,
       count(*) FILTER (WHERE outcome = 'completed'), count(*) FILTER (WHERE outcome = 'failed'),
       array_fill(0::bigint, ARRAY[12]) || array_fill(1 + count(*) / 20, ARRAY[16])
  FROM made
 CROSS JOIN (VALUES (60, interval '3 hours'), (900, interval '3 days'), (7200, interval '30 days'))
            AS spans (span, kept)
 WHERE created_at > now() - kept
 GROUP BY 1, 2, 3, 4

-- name: levels
-- What the process on duty samples: ready and running tasks of each queue, and under no name of all of them.
INSERT INTO lapinq_levels (span, since, queue_name, sampled_at, ready, running)
SELECT span, at, name, at, share * 1000, share
  FROM (VALUES (60, 180), (900, 288), (7200, 360)) AS spans (span, points)
 CROSS JOIN LATERAL generate_series(0, points) AS n
 CROSS JOIN LATERAL date_bin(span * interval '1 second', now() - n * span * interval '1 second', to_timestamp(0)) AS at
 CROSS JOIN (SELECT 'queue-' || lpad(q::text, 2, '0') AS name, 10 AS share FROM generate_series(0, 18) AS q
             UNION ALL
             SELECT '', 190) AS names

-- name: waiting
-- Of twenty that wait one is not due yet; half of those have been tried before.
WITH delayed AS (
    INSERT INTO lapinq_delayed (id, due_at, queue_name, rank, starts, lane)
    SELECT id, now() + h / 20 %% 86400 * interval '1 second', queue_name, lapinq_rank(priority, key), h / 20 %% 2, key
      FROM made
     WHERE h %% 20 = 0
), retried AS (
    INSERT INTO lapinq_attempts (task_id, attempt, final, outcome, error, claimed_at, finished_at, worker_id, token)
    SELECT id, 1, false, 'failed', 'TimeoutError: timeout after ' || h %% 60 || ' s', created_at, created_at,
           lpad(worker::text, 32, '0')::uuid, id
      FROM made
     WHERE h %% 20 = 0
       AND h / 20 %% 2 = 1
), counted AS (
    INSERT INTO lapinq_counts (queue_name, pending)
    SELECT queue_name, count(*)
      FROM made
     GROUP BY queue_name
)
INSERT INTO lapinq_ready (queue_name, rank, id, lane)
SELECT queue_name, lapinq_rank(priority, key), id, key
  FROM made
 WHERE h %% 20 > 0
 ORDER BY n

-- name: running
INSERT INTO lapinq_running (id, token, worker_id, queue_name, rank, attempt, claimed_at, deadline_at, progress,
                            cancel_requested_at, lane)
SELECT id, id, lpad(worker::text, 32, '0')::uuid, queue_name, lapinq_rank(priority, key), 1,
       created_at + wait_seconds * interval '1 second', now() + interval '1 day', h %% 100,
       CASE WHEN n %% 50 = 0 THEN now() END, key
  FROM made

-- name: workers
-- So long a lease that none is declared dead while nobody beats for it.
INSERT INTO lapinq_workers (id, name, hostname, pid, version, queues, pool, concurrency, lease_seconds, started_at,
                            beat_at, running)
SELECT lpad(n::text, 32, '0')::uuid, 'seeded-' || n, 'host-' || n, 1000 + n, '0', NULL, 'processes', 20, 604800,
       now(), now(), 20
  FROM generate_series(0, %(workers)s - 1) AS n
    ON CONFLICT (id) DO NOTHING

-- name: errors
-- As many groups of errors as are kept, if there are as many tasks, and their counts: an hour each of the last day, and
-- finer ones of a few.
WITH grouped AS (
    INSERT INTO lapinq_error_groups (fingerprint, queue_name, task_name, kind, state, state_by, state_at, first_at,
                                     last_at, failed, retried, sample_error, sample_frame, samples, place, workers, releases)
    SELECT decode(md5(n::text), 'hex'), 'queue-' || lpad((n %% 19)::text, 2, '0'),
           'task_' || lpad((n / 19 %% 50)::text, 2, '0'), 'TimeoutError' || repeat('a', n %% 26) || ': after * s',
           (ARRAY['open', 'resolved', 'muted', 'regressed'])[1 + n %% 4], 'lisa', now(),
           now() - interval '20 days', now() - n * interval '8 seconds', n %% 1000, n %% 700,
           'TimeoutError' || repeat('a', n %% 26) || ': after 5 s', '/app/jobs.py:12 in run', '{}', 'jobs.py run: wait()',
           '{seeded-1}', '{2.4}'
      FROM generate_series(1, %(groups)s) AS n
    RETURNING id
)
INSERT INTO lapinq_error_counts (group_id, span, since, failed, retried)
SELECT id, span, date_bin(span * interval '1 second', now(), to_timestamp(0)) - n * span * interval '1 second',
       n %% 7, n %% 5
  FROM grouped
 CROSS JOIN (VALUES (3600, 24, %(groups)s), (300, 300, 500)) AS spans (span, points, most)
 CROSS JOIN LATERAL generate_series(0, points - 1) AS n
 WHERE id <= most
