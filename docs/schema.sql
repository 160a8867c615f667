-- The schema as `lapinq migrate` leaves it, for review and without the weekly partitions.
-- Made by `scripts/schema`, compared by a test. What each table is for is written in docs/architecture.md.

CREATE OR REPLACE FUNCTION lapinq_advance_lanes_1(q lapinq_queues, lanes text[], places double precision[], mosts integer[], touched text[])
 RETURNS integer
 LANGUAGE plpgsql
AS $function$
DECLARE
    done text[] := '{}';
BEGIN
    IF cardinality(lanes) = 0 THEN
        NULL;
    ELSIF q.start_order = 'strict_per_key' THEN
        WITH closed AS (
            UPDATE lapinq_lanes l
               SET is_open = false,
                   head = NULL,
                   changed_at = lapinq_now()
              FROM unnest(lanes) AS p (lane)
             CROSS JOIN LATERAL (
                   SELECT x.ctid AS row_id
                     FROM lapinq_lanes x
                    WHERE x.queue_name = q.name
                      AND x.lane = p.lane
                    LIMIT 1) AS one
             WHERE l.ctid = one.row_id
               AND p.lane >= ' '
            RETURNING l.lane
        )
        SELECT coalesce(array_agg(c.lane), '{}') INTO done FROM closed c;
    ELSE
        WITH moved AS (
            UPDATE lapinq_lanes l
               SET is_open = next.seq IS NOT NULL,
                   head = NULL,
                   rank = CASE q.start_order WHEN 'fair' THEN 0 ELSE coalesce(next.rank, l.rank) END,
                   place = CASE q.start_order WHEN 'fair' THEN p.place ELSE coalesce(next.seq, l.place) END,
                   changed_at = lapinq_now()
              FROM (SELECT u.lane, max(u.place) AS place, count(*) < min(u.most) OR min(u.most) IS NULL AS goes_on
                      FROM unnest(lanes, places, mosts) AS u (lane, place, most)
                     GROUP BY u.lane) AS p
              LEFT JOIN LATERAL (
                   SELECT r.rank, r.seq, coalesce(r.expires_at > lapinq_now(), true) AS is_live
                     FROM lapinq_ready r
                    WHERE r.queue_name = q.name
                      AND r.lane BETWEEN p.lane AND p.lane
                    ORDER BY r.queue_name, r.lane, r.rank, r.seq
                    LIMIT 1) AS next ON true
             CROSS JOIN LATERAL (
                   SELECT x.ctid AS row_id
                     FROM lapinq_lanes x
                    WHERE x.queue_name = q.name
                      AND x.lane = p.lane
                    LIMIT 1) AS one
             WHERE l.ctid = one.row_id
               AND (next.seq IS NULL OR p.goes_on AND next.is_live)
            RETURNING l.lane
        )
        SELECT coalesce(array_agg(m.lane), '{}') INTO done FROM moved m;
    END IF;
    touched := touched || ARRAY(SELECT unnest(lanes) EXCEPT SELECT unnest(done));
    IF cardinality(touched) > 0 THEN
        -- In strict order the next task of a key may be in another of its lanes.
        RETURN cardinality(done) + lapinq_look_at_lanes_1(q, touched, q.start_order = 'strict_per_key');
    END IF;
    RETURN cardinality(done);
END
$function$;

CREATE OR REPLACE FUNCTION lapinq_advance_lanes_2(q lapinq_queues, picks lapinq_pick_2[], touched text[])
 RETURNS integer
 LANGUAGE plpgsql
AS $function$
DECLARE
    done text[] := '{}';
BEGIN
    IF cardinality(picks) = 0 THEN
        NULL;
    ELSIF q.start_order = 'strict_per_key' THEN
        WITH closed AS (
            UPDATE lapinq_lanes l
               SET is_open = false,
                   head = NULL,
                   changed_at = lapinq_now()
              FROM unnest(picks) AS p
             CROSS JOIN LATERAL (
                   SELECT x.ctid AS row_id
                     FROM lapinq_lanes x
                    WHERE x.queue_name = q.name
                      AND x.lane = p.lane
                    LIMIT 1) AS one
             WHERE l.ctid = one.row_id
               AND p.key > ''
            RETURNING l.lane
        )
        SELECT coalesce(array_agg(c.lane), '{}') INTO done FROM closed c;
    ELSE
        WITH moved AS (
            UPDATE lapinq_lanes l
               SET is_open = next.seq IS NOT NULL,
                   head = NULL,
                   rank = CASE q.start_order WHEN 'fair' THEN 0 ELSE coalesce(next.rank, l.rank) END,
                   place = CASE q.start_order WHEN 'fair' THEN p.place ELSE coalesce(next.seq, l.place) END,
                   changed_at = lapinq_now()
              FROM (SELECT lane, max(place) AS place, coalesce(count(*) < min(most), true) AS goes_on
                      FROM unnest(picks)
                     GROUP BY lane) AS p
              LEFT JOIN LATERAL (
                   SELECT r.rank, r.seq, r.expires_at IS NULL OR r.expires_at > lapinq_now() AS is_live
                     FROM lapinq_ready r
                    WHERE r.queue_name = q.name
                      AND r.lane BETWEEN p.lane AND p.lane
                    ORDER BY r.queue_name, r.lane, r.rank, r.seq
                    LIMIT 1) AS next ON true
             CROSS JOIN LATERAL (
                   SELECT x.ctid AS row_id
                     FROM lapinq_lanes x
                    WHERE x.queue_name = q.name
                      AND x.lane = p.lane
                    LIMIT 1) AS one
             WHERE l.ctid = one.row_id
               AND (next.seq IS NULL OR p.goes_on AND next.is_live)
            RETURNING l.lane
        )
        SELECT coalesce(array_agg(m.lane), '{}') INTO done FROM moved m;
    END IF;
    touched := touched || ARRAY(SELECT p.lane FROM unnest(picks) AS p EXCEPT SELECT unnest(done));
    IF cardinality(touched) > 0 THEN
        -- In strict order the next task of a key may be in another of its lanes.
        RETURN cardinality(done) + lapinq_look_at_lanes_1(q, touched, q.start_order = 'strict_per_key');
    END IF;
    RETURN cardinality(done);
END
$function$;

CREATE OR REPLACE FUNCTION lapinq_advance_workflows_1(changed uuid[], added uuid[] DEFAULT '{}'::uuid[])
 RETURNS void
 LANGUAGE plpgsql
 SET jit TO 'off'
 SET enable_seqscan TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
DECLARE
    workflows uuid[];
    ended uuid[];
    outcomes text[];
    reopened uuid[];
    freed uuid[];
    doomed uuid[];
    notice record;
    noted CONSTANT text := coalesce(current_setting('lapinq.workflow_tasks', true), '');
BEGIN
    -- The triggers need not note what happens here.
    PERFORM set_config('lapinq.workflow_tasks', '-', true);
    SELECT array_agg(locked.id)
      INTO workflows
      FROM (SELECT w.id
              FROM lapinq_workflows w
             WHERE w.id = ANY (ARRAY(SELECT m.workflow_id FROM lapinq_workflow_tasks m WHERE m.task_id = ANY (changed || added)))
             ORDER BY w.id
               FOR NO KEY UPDATE) AS locked;

    WHILE cardinality(changed) + cardinality(added) > 0 LOOP
        WITH seen AS MATERIALIZED (
            -- A task goes together with its attempts, so one with a final attempt is there.
            SELECT m.ctid AS row_id, m.outcome AS before, m.is_gone AS was_gone, t.is_gone,
                   CASE WHEN t.is_gone THEN coalesce(m.outcome, 'deleted') ELSE a.outcome END AS outcome
              FROM lapinq_workflow_tasks m
              LEFT JOIN LATERAL (SELECT x.outcome FROM lapinq_attempts x WHERE x.task_id = m.task_id AND x.final OFFSET 0) AS a
                   ON true
             CROSS JOIN LATERAL (SELECT a.outcome IS NULL
                                        AND NOT EXISTS (SELECT FROM lapinq_tasks x WHERE x.id = m.task_id) AS is_gone
                                 OFFSET 0) AS t
             WHERE m.task_id = ANY (changed)
        ), noted AS (
            UPDATE lapinq_workflow_tasks m
               SET outcome = s.outcome,
                   is_gone = s.is_gone,
                   cause = CASE WHEN s.outcome IS NOT NULL THEN m.cause END,
                   waits_for = CASE WHEN s.outcome IS NULL THEN m.waits_for ELSE 0 END
              FROM seen s
             WHERE m.ctid = s.row_id
               AND (m.outcome IS DISTINCT FROM s.outcome OR m.is_gone <> s.is_gone)
            RETURNING m.task_id, m.workflow_id, s.before, s.outcome, s.is_gone AND NOT s.was_gone AS has_gone
        ), counted AS (
            UPDATE lapinq_workflows w
               SET pending = w.pending + n.pending,
                   completed = w.completed + n.completed,
                   failed = w.failed + n.failed,
                   cancelled = w.cancelled + n.cancelled,
                   expired = w.expired + n.expired,
                   deleted = w.deleted + n.deleted,
                   kept = w.kept - n.gone
              FROM (SELECT workflow_id,
                           count(*) FILTER (WHERE outcome IS NULL) - count(*) FILTER (WHERE before IS NULL) AS pending,
                           count(*) FILTER (WHERE outcome = 'completed') - count(*) FILTER (WHERE before = 'completed') AS completed,
                           count(*) FILTER (WHERE outcome = 'failed') - count(*) FILTER (WHERE before = 'failed') AS failed,
                           count(*) FILTER (WHERE outcome = 'cancelled') - count(*) FILTER (WHERE before = 'cancelled') AS cancelled,
                           count(*) FILTER (WHERE outcome = 'expired') - count(*) FILTER (WHERE before = 'expired') AS expired,
                           count(*) FILTER (WHERE outcome = 'deleted') - count(*) FILTER (WHERE before = 'deleted') AS deleted,
                           count(*) FILTER (WHERE has_gone) AS gone
                      FROM noted
                     GROUP BY workflow_id) AS n
             WHERE w.id = n.workflow_id
        )
        SELECT array_agg(task_id) FILTER (WHERE before IS NULL AND outcome IS NOT NULL),
               array_agg(outcome) FILTER (WHERE before IS NULL AND outcome IS NOT NULL),
               array_agg(task_id) FILTER (WHERE before IS NOT NULL AND outcome IS NULL)
          INTO ended, outcomes, reopened
          FROM noted;

        IF reopened IS NOT NULL THEN
            UPDATE lapinq_workflow_tasks c
               SET waits_for = c.waits_for + e.parents
              FROM (SELECT child_id, count(*) AS parents
                      FROM lapinq_workflow_edges
                     WHERE parent_id = ANY (reopened)
                     GROUP BY child_id) AS e
             WHERE c.task_id = e.child_id
               AND c.waits_for > 0;
        END IF;

        doomed := NULL;
        IF cardinality(added) > 0 OR 'completed' <> ANY (outcomes) THEN
            WITH RECURSIVE bad AS (
                SELECT p.id FROM unnest(ended, outcomes) AS p (id, outcome) WHERE p.outcome <> 'completed'
                 UNION
                SELECT p.task_id
                  FROM lapinq_workflow_edges e
                  JOIN lapinq_workflow_tasks p ON p.task_id = e.parent_id
                 WHERE e.child_id = ANY (added)
                   AND p.outcome <> 'completed'
            ), lost (id) AS (
                SELECT id FROM bad
                 UNION
                SELECT c.task_id
                  FROM lost
                  JOIN lapinq_workflow_edges e ON e.parent_id = lost.id
                  JOIN lapinq_workflow_tasks c ON c.task_id = e.child_id
                 WHERE c.waits_for > 0
                   AND c.after_failure <> 'run'
            ), caused AS (
                SELECT c.task_id, min(e.parent_id::text)::uuid AS cause
                  FROM lost
                  JOIN lapinq_workflow_edges e ON e.parent_id = lost.id
                  JOIN lapinq_workflow_tasks c ON c.task_id = e.child_id
                 WHERE c.waits_for > 0
                   AND c.after_failure <> 'run'
                 GROUP BY c.task_id
            ), marked AS (
                UPDATE lapinq_workflow_tasks m
                   SET waits_for = 0,
                       cause = c.cause
                  FROM caused c
                 WHERE m.task_id = c.task_id
                RETURNING m.task_id
            )
            SELECT array_agg(task_id) INTO doomed FROM marked;
        END IF;

        WITH told AS (
            SELECT e.child_id, count(*) AS parents
              FROM unnest(ended) AS p (id)
              JOIN lapinq_workflow_edges e ON e.parent_id = p.id
             GROUP BY e.child_id
             UNION ALL
            SELECT e.child_id, count(*)
              FROM lapinq_workflow_edges e
              JOIN lapinq_workflow_tasks p ON p.task_id = e.parent_id
             WHERE e.child_id = ANY (added)
               AND p.outcome IS NOT NULL
             GROUP BY e.child_id
        ), children AS (
            UPDATE lapinq_workflow_tasks c
               SET waits_for = c.waits_for - told.parents
              FROM told
             WHERE c.task_id = told.child_id
               AND c.waits_for > 0
            RETURNING c.task_id, c.waits_for
        )
        SELECT array_agg(task_id) INTO freed FROM children WHERE waits_for = 0;

        IF freed IS NOT NULL THEN
            UPDATE lapinq_delayed d
               SET due_at = t.scheduled_at
              FROM lapinq_tasks t
             WHERE d.id = ANY (freed)
               AND d.due_at = lapinq_never()
               AND t.id = d.id
               AND t.scheduled_at > lapinq_now();
            FOR notice IN
                WITH gone AS (
                    DELETE FROM lapinq_delayed d
                     WHERE d.id = ANY (freed)
                       AND d.due_at = lapinq_never()
                    RETURNING d.id, d.queue_name, d.rank, d.starts, d.expires_at, d.isolation, d.lane, d.units
                ), ready AS (
                    INSERT INTO lapinq_ready (queue_name, rank, id, starts, expires_at, isolation, since, lane, units)
                    SELECT queue_name, rank, id, starts, expires_at, isolation, lapinq_now(), lane, units
                      FROM gone
                     ORDER BY id
                ), told_lanes AS (
                    INSERT INTO lapinq_lane_news (queue_name, lanes)
                    SELECT queue_name, array_agg(DISTINCT lane)
                      FROM gone
                     WHERE lane IS NOT NULL
                     GROUP BY queue_name
                )
                SELECT queue_name, count(*) AS tasks
                  FROM gone
                 GROUP BY queue_name
            LOOP
                -- As lapinq_core.db.notify.ready_notices reads it.
                PERFORM pg_notify('lapinq_ready', format(E'%s\n%s %s', notice.queue_name, notice.tasks, floor(random() * 65536)));
            END LOOP;
        END IF;

        changed := '{}';
        added := '{}';
        IF doomed IS NOT NULL THEN
            WITH gone AS (
                DELETE FROM lapinq_delayed d
                 WHERE d.id = ANY (doomed)
                   AND d.due_at = lapinq_never()
                RETURNING d.id, d.queue_name, d.starts
            ), explained AS MATERIALIZED (
                SELECT g.*, m.after_failure = 'fail' AS is_failed,
                       -- Who may read this queue only learns no name of another.
                       format('%s %s',
                              CASE (SELECT t.queue_name = g.queue_name FROM lapinq_tasks t WHERE t.id = p.task_id)
                                   WHEN true THEN 'its parent ' || p.ref
                                   WHEN false THEN 'a parent in another queue'
                                   ELSE 'a parent' END,
                              CASE WHEN p.outcome IN ('failed', 'expired') THEN p.outcome
                                   WHEN p.outcome IS NOT NULL THEN 'was ' || p.outcome
                                   -- One that ends here, too.
                                   WHEN p.after_failure = 'fail' THEN 'failed'
                                   ELSE 'was cancelled' END) AS error
                  FROM gone g
                  JOIN lapinq_workflow_tasks m ON m.task_id = g.id
                  JOIN lapinq_workflow_tasks p ON p.task_id = m.cause
            ), recorded AS (
                INSERT INTO lapinq_attempts (task_id, attempt, final, outcome, error, finished_at)
                SELECT id, starts, true, CASE WHEN is_failed THEN 'failed' ELSE 'cancelled' END, error, lapinq_now()
                  FROM explained
            ), counted AS (
                INSERT INTO lapinq_counts (queue_name, pending, failed, cancelled)
                SELECT queue_name, -count(*), count(*) FILTER (WHERE is_failed), count(*) FILTER (WHERE NOT is_failed)
                  FROM explained
                 GROUP BY queue_name
            ), told AS (
                INSERT INTO lapinq_webhooks (task_id, queue_name, task_name, url, status, error, attempt, started_at,
                                             finished_at, retry_since, due_at)
                SELECT e.id, e.queue_name, t.task_name, t.webhook_url, 'failed', e.error, e.starts, NULL, lapinq_now(),
                       lapinq_now(), lapinq_now()
                  FROM explained e
                 CROSS JOIN lapinq_webhook_of(e.id) AS t
                 WHERE e.is_failed
            )
            SELECT coalesce(array_agg(id), '{}') INTO changed FROM explained;
        END IF;
    END LOOP;

    PERFORM lapinq_end_workflows_1(workflows);
    PERFORM set_config('lapinq.workflow_tasks', noted, true);
END
$function$;

CREATE OR REPLACE FUNCTION lapinq_blocked_keys_1(q lapinq_queues, beginning text, most integer)
 RETURNS TABLE(key text, front uuid, is_held boolean)
 LANGUAGE plpgsql
 STABLE
 SET jit TO 'off'
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH delayed AS MATERIALIZED (
        SELECT held.id, held.key
          -- 0: suspended, released or parked in their first attempt, or never started
          FROM (VALUES (1, greatest(most, 20000)), (0, most)) AS s (started, looked)
         CROSS JOIN LATERAL (
               SELECT d.id, d.key
                 FROM (SELECT d.id, split_part(d.lane, chr(31), 1) AS key
                         FROM lapinq_delayed d
                        WHERE q.start_order = 'strict_per_key'
                          AND d.queue_name = q.name
                          AND d.lane IS NOT NULL
                          AND least(d.starts, 1) = s.started
                        ORDER BY d.queue_name, least(d.starts, 1), d.id
                        LIMIT greatest(0, s.looked)) AS d
                CROSS JOIN LATERAL (SELECT
                                      FROM lapinq_keys k
                                     WHERE k.queue_name = q.name
                                       AND k.key = d.key
                                       AND k.holder = d.id
                                     LIMIT 1) AS holds
                ORDER BY d.id
                LIMIT greatest(0, most)) AS held
    ), running AS MATERIALIZED (
        SELECT r.id, split_part(r.lane, chr(31), 1) AS key
          FROM lapinq_running r
         WHERE (q.start_order = 'strict_per_key' OR q.max_running_per_key IS NOT NULL)
           AND r.queue_name = q.name
           AND r.lane IS NOT NULL
         LIMIT greatest(0, most)
    ), closed AS MATERIALIZED (
        SELECT split_part(l.lane, chr(31), 1) AS key
          FROM lapinq_lanes l
         WHERE q.rate_per_key IS NOT NULL
           AND l.queue_name = q.name
           AND l.opens_at > lapinq_now()
         ORDER BY l.queue_name, l.opens_at
         LIMIT greatest(0, most)
    ), blocking AS (
        SELECT d.key, d.id, 1 AS nth
          FROM delayed d
         WHERE d.key > ''
           AND starts_with(d.key, beginning)
         UNION ALL
        SELECT r.key, (array_agg(r.id ORDER BY r.id))[1], 2
          FROM running r
         WHERE r.key > ''
           AND starts_with(r.key, beginning)
         GROUP BY r.key
        HAVING q.start_order = 'strict_per_key'
            OR count(*) >= q.max_running_per_key
         UNION ALL
        SELECT DISTINCT c.key, NULL::uuid, 3
          FROM closed c
         WHERE c.key > ''
           AND starts_with(c.key, beginning)
    ), found AS (
        SELECT DISTINCT ON (b.key) b.key, coalesce(b.id, first.id) AS front, b.nth = 1 AS is_held
          FROM blocking b
         CROSS JOIN LATERAL (SELECT r.id
                               FROM lapinq_ready r
                              WHERE r.queue_name = q.name
                                AND r.lane >= b.key
                                AND r.lane < b.key || ' '
                              ORDER BY r.queue_name, r.lane, r.rank, r.seq
                              LIMIT 1) AS first
         ORDER BY b.key, b.nth
    )
    SELECT f.key, f.front, f.is_held
      FROM found f
     ORDER BY f.front
     LIMIT greatest(0, most);
END
$function$;

CREATE OR REPLACE FUNCTION lapinq_blocks_1(ids uuid[])
 RETURNS TABLE(id uuid, nth integer, kind text, name text, until timestamp with time zone, task uuid, running bigint, max_running integer, rate jsonb, tokens double precision, units bigint)
 LANGUAGE plpgsql
 STABLE ROWS 100
 SET jit TO 'off'
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH ready AS MATERIALIZED (
        SELECT r.id, r.queue_name, r.units, split_part(r.lane, chr(31), 1) AS key, split_part(r.lane, chr(31), 2) AS names
          FROM unnest(ids) AS i (id)
         CROSS JOIN LATERAL (SELECT x.* FROM lapinq_ready x WHERE x.id = i.id LIMIT 1) AS r
    ), delayed AS MATERIALIZED (
        SELECT d.*
          FROM unnest(ids) AS i (id)
         CROSS JOIN LATERAL (SELECT x.* FROM lapinq_delayed x WHERE x.id = i.id LIMIT 1) AS d
    ), of_queues AS MATERIALIZED (
        SELECT q.name, q.max_running, q.rate, b.*
          FROM (SELECT queue_name FROM ready UNION SELECT queue_name FROM delayed) AS t
          JOIN lapinq_queues q ON q.name = t.queue_name
         CROSS JOIN LATERAL lapinq_blocks_of_queue_1(q) AS b
    ), of_limits AS MATERIALIZED (
        SELECT l.* FROM lapinq_limits_now_1() AS l WHERE EXISTS (SELECT FROM ready WHERE units IS NOT NULL)
    )
    -- The task itself.
    SELECT d.id, 0, CASE WHEN d.starts > 0 THEN 'retry' ELSE 'schedule' END, NULL, d.due_at, NULL::uuid, NULL::bigint,
           NULL::integer, NULL::jsonb, NULL::float8, NULL::bigint
      FROM delayed d
     WHERE d.due_at > lapinq_now()
       AND d.parked_for IS NULL
     UNION ALL
    -- Its queue.
    SELECT t.id, CASE b.kind WHEN 'paused' THEN 1 WHEN 'breaker' THEN 3 WHEN 'queue_full' THEN 7 WHEN 'queue_rate' THEN 8 END,
           b.kind, NULL, b.until, b.probe, b.running, b.max_running, b.rate, b.tokens, NULL
      FROM (SELECT r.id, r.queue_name, true AS is_ready FROM ready r
             UNION ALL
            SELECT d.id, d.queue_name, false FROM delayed d) AS t
      JOIN of_queues b ON b.name = t.queue_name AND (t.is_ready OR b.kind = 'paused')
     UNION ALL
    -- Its name.
    SELECT d.id, 2, 'breaker', d.parked_for, NULL, NULL, NULL, NULL, NULL, NULL, NULL
      FROM delayed d
     WHERE d.parked_for IS NOT NULL
     UNION ALL
    SELECT r.id, 2, 'breaker', b.task_name, NULL, NULL, NULL, NULL, NULL, NULL, NULL
      FROM lapinq_task_breakers b
     CROSS JOIN ready r
     CROSS JOIN LATERAL (SELECT x.task_name FROM lapinq_tasks x WHERE x.id = r.id LIMIT 1) AS t
     WHERE b.state <> 'closed'
       AND t.task_name = b.task_name
     UNION ALL
    -- Its key. In strict order also another ready task of the key, if that goes first.
    SELECT r.id, 5, CASE WHEN head.id <> r.id THEN 'key_order' ELSE k.blocked_by END, NULL, k.until,
           CASE WHEN head.id <> r.id THEN head.id WHEN k.blocked_by = 'key_order' THEN coalesce(started.id, k.holder) END,
           k.running, q.max_running_per_key, q.rate_per_key, k.tokens, NULL
      FROM ready r
      JOIN lapinq_queues q ON q.name = r.queue_name
     CROSS JOIN LATERAL lapinq_key_now_1(q, r.key) AS k
      LEFT JOIN LATERAL (
           SELECT x.id
             FROM lapinq_running x
            WHERE k.blocked_by = 'key_order'
              AND x.queue_name = r.queue_name
              AND split_part(x.lane, chr(31), 1) = r.key
              AND x.lane IS NOT NULL
            ORDER BY x.seq DESC
            LIMIT 1) AS started ON true
      LEFT JOIN LATERAL (
           SELECT h.id
             FROM lapinq_head_of_key_1(r.queue_name, r.key, (SELECT x.holder
                                                               FROM lapinq_keys x
                                                              WHERE x.queue_name = r.queue_name
                                                                AND x.key = r.key)) AS h
            WHERE q.start_order = 'strict_per_key'
              AND k.blocked_by IS DISTINCT FROM 'key_order'
            LIMIT 1) AS head ON true
     WHERE r.key > ''
       AND (k.blocked_by IS NOT NULL OR head.id <> r.id)
     UNION ALL
    -- Its limits.
    SELECT r.id, CASE rule.kind WHEN 'limit_too_small' THEN 4 ELSE 6 END, rule.kind, l.name,
           CASE rule.kind WHEN 'limit_closed' THEN l.closed_until
                          WHEN 'limit_used' THEN lapinq_filled_at_1(l.rate, own.tokens, own.units) END,
           NULL, l.running, l.max_running, l.rate, own.tokens, need.units
      FROM ready r
     CROSS JOIN LATERAL unnest(string_to_array(r.names, ','), r.units) AS need (name, units)
      JOIN of_limits l ON l.name = need.name
     CROSS JOIN LATERAL (
           SELECT greatest(need.units, 1) AS units,
                  l.tokens - CASE WHEN l.reserved_by <> r.queue_name THEN l.reserved ELSE 0 END AS tokens) AS own
     CROSS JOIN LATERAL (
           SELECT CASE WHEN need.units > (l.rate ->> 'burst')::float8 THEN 'limit_too_small'
                       WHEN l.blocked_by IS NOT NULL THEN l.blocked_by
                       WHEN l.reserved_by <> r.queue_name AND l.running + l.reserved_places >= l.max_running THEN 'limit_full'
                       WHEN own.tokens < own.units THEN 'limit_used' END AS kind) AS rule
     WHERE r.units IS NOT NULL
       AND rule.kind IS NOT NULL;
END
$function$;

CREATE OR REPLACE FUNCTION lapinq_blocks_of_queue_1(q lapinq_queues)
 RETURNS TABLE(kind text, until timestamp with time zone, probe uuid, running bigint, tokens double precision)
 LANGUAGE sql
 STABLE ROWS 1
AS $function$
SELECT 'paused', NULL::timestamptz, NULL::uuid, NULL::bigint, NULL::float8
 WHERE q.paused_at IS NOT NULL
 UNION ALL
SELECT 'breaker',
       -- Not if the clock was set back since.
       CASE WHEN b.state = 'open'
             AND b.tries_at BETWEEN lapinq_now() AND lapinq_now() + b.pause_seconds * interval '1 second' THEN b.tries_at END,
       (SELECT r.id FROM lapinq_running r WHERE r.id = b.probe_id AND r.seq = b.probe_seq), NULL, NULL
  FROM lapinq_breakers b
 WHERE q.has_breaker
   AND b.queue_name = q.name
   AND b.state <> 'closed'
 UNION ALL
SELECT 'queue_full', NULL, NULL, runs.tasks, NULL
  FROM (SELECT count(*) AS tasks FROM lapinq_running r WHERE r.queue_name = q.name AND q.max_running IS NOT NULL) AS runs
 WHERE runs.tasks >= q.max_running
 UNION ALL
SELECT 'queue_rate', lapinq_filled_at_1(q.rate, bucket.tokens, 1), NULL, NULL, bucket.tokens
  FROM (SELECT lapinq_tokens(q.rate, q.tokens + lapinq_returned_1(q.name), q.tokens_at) AS tokens
         WHERE lapinq_tokens(q.rate, q.tokens, q.tokens_at) < 1) AS bucket
 WHERE bucket.tokens < 1
$function$;

CREATE OR REPLACE FUNCTION lapinq_cancel_workflow_1(workflow uuid, most integer)
 RETURNS integer
 LANGUAGE plpgsql
 SET jit TO 'off'
 SET enable_seqscan TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
DECLARE
    cancelled uuid[];
    waiting uuid[];
    noted CONSTANT text := coalesce(current_setting('lapinq.workflow_tasks', true), '');
BEGIN
    UPDATE lapinq_workflows w
       SET cancelled_at = CASE WHEN w.ended_at IS NULL THEN coalesce(w.cancelled_at, lapinq_now()) ELSE w.cancelled_at END,
           is_open = false
     WHERE w.id = workflow;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    PERFORM set_config('lapinq.workflow_tasks', '-', true); -- told below
    -- Children have higher ids than their parents, so what is left for the next call is not ended because of these.
    waiting := ARRAY(SELECT m.task_id
                       FROM lapinq_workflow_tasks m
                      WHERE m.workflow_id = workflow
                        AND m.outcome IS NULL
                        AND NOT EXISTS (SELECT FROM lapinq_running r WHERE r.id = m.task_id)
                      ORDER BY m.task_id DESC
                      LIMIT greatest(0, most));
    WITH gone AS (
        DELETE FROM lapinq_ready r
         WHERE r.id = ANY (ARRAY(SELECT id FROM lapinq_ready WHERE id = ANY (waiting) ORDER BY id FOR UPDATE SKIP LOCKED))
        RETURNING r.id, r.queue_name, r.starts, r.lane, true AS was_ready
    ), gone_delayed AS (
        DELETE FROM lapinq_delayed d
         WHERE d.id = ANY (ARRAY(SELECT id FROM lapinq_delayed WHERE id = ANY (waiting) ORDER BY id FOR UPDATE SKIP LOCKED))
        RETURNING d.id, d.queue_name, d.starts, d.lane, false
    ), ended AS MATERIALIZED (
        SELECT * FROM gone
        UNION ALL
        SELECT * FROM gone_delayed
    ), recorded AS (
        INSERT INTO lapinq_attempts (task_id, attempt, final, outcome, error, finished_at)
        SELECT id, starts, true, 'cancelled', 'its workflow was cancelled', lapinq_now()
          FROM ended
    ), counted AS (
        INSERT INTO lapinq_counts (queue_name, pending, cancelled)
        SELECT queue_name, -count(*), count(*)
          FROM ended
         GROUP BY queue_name
    ), told_lanes AS (
        INSERT INTO lapinq_lane_news (queue_name, lanes)
        SELECT told.*
          FROM (SELECT array_agg(queue_name) AS queues, array_agg(lane) AS lanes, array_agg(id) AS ids, array_agg(was_ready) AS ready
                  FROM ended
                 WHERE lane IS NOT NULL) AS r
         CROSS JOIN LATERAL lapinq_removed_lanes_1(r.queues, r.lanes, r.ids, r.ready) AS told
    )
    SELECT coalesce(array_agg(id), '{}') INTO cancelled FROM ended;
    PERFORM lapinq_advance_workflows_1(cancelled);
    PERFORM lapinq_end_workflows_1(ARRAY[workflow]);
    PERFORM set_config('lapinq.workflow_tasks', noted, true);
    RETURN cardinality(cancelled);
END
$function$;

CREATE OR REPLACE FUNCTION lapinq_charge_keys_2(q lapinq_queues, picks lapinq_pick_2[])
 RETURNS void
 LANGUAGE plpgsql
AS $function$
BEGIN
    IF q.rate_per_key IS NOT NULL THEN
        INSERT INTO lapinq_keys AS k (queue_name, key, virtual_time, tokens, tokens_at, holder, changed_at)
        SELECT q.name, p.key, CASE q.start_order WHEN 'fair' THEN max(p.time) ELSE coalesce(max(x.virtual_time), 0) END,
               lapinq_tokens(q.rate_per_key, max(x.tokens), max(x.tokens_at)) - count(*),
               lapinq_refilled_at(q.rate_per_key, max(x.tokens_at)), (array_agg(p.id))[1], lapinq_now()
          FROM unnest(picks) AS p
          LEFT JOIN LATERAL (
               SELECT y.virtual_time, y.tokens, y.tokens_at
                 FROM lapinq_keys y
                WHERE y.queue_name = q.name
                  AND y.key = p.key
                LIMIT 1) AS x ON true
         GROUP BY p.key
            ON CONFLICT (queue_name, key) DO UPDATE
           SET virtual_time = excluded.virtual_time,
               tokens = excluded.tokens,
               tokens_at = excluded.tokens_at,
               holder = excluded.holder,
               changed_at = excluded.changed_at;
    ELSE
        INSERT INTO lapinq_keys AS k (queue_name, key, virtual_time, holder, changed_at)
        SELECT q.name, p.key, CASE q.start_order WHEN 'fair' THEN max(p.time) ELSE 0 END, (array_agg(p.id))[1], lapinq_now()
          FROM unnest(picks) AS p
         GROUP BY p.key
            ON CONFLICT (queue_name, key) DO UPDATE
           SET virtual_time = greatest(k.virtual_time, excluded.virtual_time),
               holder = excluded.holder,
               changed_at = excluded.changed_at;
    END IF;
END
$function$;

CREATE OR REPLACE FUNCTION lapinq_check_step()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    PERFORM FROM lapinq_running r WHERE r.id = NEW.task_id AND r.token = NEW.token FOR KEY SHARE;
    IF NOT FOUND AND NOT EXISTS (SELECT
                                   FROM lapinq_attempts a
                                  WHERE a.task_id = NEW.task_id
                                    AND a.final
                                    AND a.outcome = 'completed'
                                    AND a.token = NEW.token) THEN
        RAISE EXCEPTION 'the lease of the task % was lost: another worker may be running it', NEW.task_id
              USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    RETURN NULL;
END
$function$;

CREATE OR REPLACE FUNCTION lapinq_check_unique(name text, rule jsonb)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
DECLARE
    ten_years CONSTANT integer := 315576000;
    is_debounce CONSTANT boolean := name = 'debounce';
    seconds numeric := CASE WHEN jsonb_typeof(rule->'until') = 'number' THEN (rule->>'until')::numeric END;
    delay numeric;
    longest numeric;
    wrong record;
BEGIN
    SELECT coalesce(field.name, given.key) AS field,
           CASE WHEN field.name IS NULL THEN 'is not a known field'
                WHEN given.key IS NULL THEN 'is required'
                ELSE format('must be %s, not %s', field.kind, given.kind) END AS problem
      INTO wrong
      FROM (SELECT *
              FROM (VALUES ('key', 'a string', true, NULL), ('on_conflict', 'a string', false, false),
                           ('until', 'a number or a string', false, false), ('delay', 'a number', true, true),
                           ('max_wait', 'a number', false, true)
                   ) AS every (name, kind, is_required, of_debounce)
             WHERE of_debounce IS NULL OR of_debounce = is_debounce
           ) AS field
      FULL JOIN (
           SELECT key,
                  CASE jsonb_typeof(value) WHEN 'string' THEN 'a string' WHEN 'array' THEN 'a list'
                       WHEN 'object' THEN 'an object' WHEN 'null' THEN 'null' WHEN 'boolean' THEN 'a boolean'
                       ELSE 'a number' END AS kind
             FROM jsonb_each(rule)
           ) AS given ON given.key = field.name
     WHERE field.name IS NULL
        OR CASE WHEN given.key IS NULL OR given.kind = 'null' THEN field.is_required
                ELSE field.kind NOT LIKE '%' || given.kind || '%' END
     LIMIT 1;
    IF NOT FOUND THEN
        delay := (rule->>'delay')::numeric;
        longest := (rule->>'max_wait')::numeric;
        SELECT broken.field, broken.problem
          INTO wrong
          FROM (VALUES
                ('key', char_length(rule->>'key') NOT BETWEEN 1 AND 255, 'must have 1 to 255 characters'),
                ('key', rule->>'key' ~ '[\u0001-\u001F\u007F-\u009F]', 'must not contain control characters'),
                ('until', CASE WHEN seconds IS NULL THEN rule->>'until' NOT IN ('started', 'finished')
                               ELSE seconds <= 0 OR seconds > ten_years END,
                 'must be "started", "finished" or a number of seconds, more than 0 and at most 315576000 (ten years)'),
                ('on_conflict', rule->>'on_conflict' NOT IN ('return', 'reject', 'replace'),
                 'must be "return", "reject" or "replace"'),
                ('delay', delay NOT BETWEEN 0 AND ten_years,
                 'must be a number of seconds between 0 and 315576000 (ten years)'),
                ('delay', delay = 0, 'must be more than 0'),
                ('max_wait', longest NOT BETWEEN 0 AND ten_years,
                 'must be a number of seconds between 0 and 315576000 (ten years)'),
                ('max_wait', longest < delay, 'must not be less than the delay')
               ) AS broken (field, is_broken, problem)
         WHERE is_broken
         LIMIT 1;
    END IF;
    IF FOUND THEN
        RAISE EXCEPTION '%.%: %', name, wrong.field, wrong.problem
            USING ERRCODE = '22023', COLUMN = name || '.' || wrong.field;
    END IF;
END
$function$;

CREATE OR REPLACE FUNCTION lapinq_child_outcome_1(child uuid)
 RETURNS TABLE(outcome text, result text)
 LANGUAGE sql
 STABLE
AS $function$
SELECT a.outcome, CASE WHEN a.outcome = 'completed' THEN a.result ELSE to_json(a.error)::text END
  FROM lapinq_attempts a
 WHERE a.task_id = child
   AND a.final
 UNION ALL
SELECT 'deleted', NULL
 WHERE NOT EXISTS (SELECT FROM lapinq_tasks t WHERE t.id = child)
 LIMIT 1
$function$;

CREATE OR REPLACE FUNCTION lapinq_claim_governed_1(queue text, worker uuid, token uuid, wanted integer, free integer, isolated integer, mark_rank bigint, mark_seq bigint, max_rank bigint, lease double precision, margin double precision, is_watched boolean, OUT claims text, OUT state text, OUT opens_in double precision, OUT again boolean, OUT mark bigint[])
 RETURNS record
 LANGUAGE plpgsql
 SET enable_sort TO 'off'
AS $function$
DECLARE
    most_rounds CONSTANT integer := 16;
    alone_again CONSTANT interval := '1 second'; -- for a lane whose tasks this worker can't run, or that somebody has locked
    large_again CONSTANT interval := '15 seconds'; -- for one whose tasks need more than their limit ever has
    most_lanes CONSTANT integer := greatest(500, wanted); -- in a window, or it would hold the lock for long
    unlimited CONSTANT integer := 2147483647;
    q lapinq_queues;
    is_fair boolean;
    is_strict boolean;
    has_news boolean;
    told text[] := '{}';
    due text[] := '{}';
    returned float8 := 0;
    room integer; -- how many more tasks may start
    started integer := 0;
    size integer; -- of the window, in lanes
    sets text[] := '{""}'; -- the sets of named limits whose lanes are in the window
    shifts float8[] := '{0}';
    has_named boolean; -- an open lane takes from a named limit
    limits lapinq_limits[] := '{}'; -- those of the sets that the window had so far; see lapinq_lock_limits_1
    known text[] := '{}'; -- their names
    spent float8[] := '{}';
    held boolean[] := '{}'; -- whether this claim has locked them
    wanted_units float8[] := '{}'; -- that the first task needs which takes from the limit, if too few are left
    blocked_before integer;
    long_before integer;
    blocked text[] := '{}'; -- sets of which nothing may start now
    skips_large boolean := false; -- the window is without tasks that need more than their limit ever has
    t record;
    l lapinq_limits;
    need text[];
    nth integer;
    verdict text;
    is_rated boolean;
    ends boolean;
    long_lanes text[] := '{}'; -- lanes that ended the walk, as more may wait in them
    late_lanes text[]; -- lanes whose place is before what may start here, and where that is
    late_ranks bigint[];
    late_places float8[];
    changed integer; -- lanes, in this round
    has_changed boolean := false;
    part text;
    picked tid[];
    turns uuid[];
    unkeyed integer; -- picked tasks that are in no lane
    reached float8; -- the virtual time of the last start
    -- Of each picked task of a lane:
    pick_lanes text[];
    pick_keys text[];
    pick_ids uuid[];
    pick_times float8[];
    pick_places float8[];
    pick_mosts integer[];
    -- Where a key may have several open lanes, of each key that was picked: its first lane, how many more may start, and
    -- its virtual time.
    keys text[];
    key_lanes text[];
    key_rooms integer[];
    key_times float8[];
    of_key integer;
    stop_at float8; -- what another lane of such a key comes before
    touched text[];
    looked text[] := '{}'; -- those that were touched in an earlier round
    barren text[]; -- lanes of which nothing may start here
    seconds float8;
BEGIN
    again := false;

    -- 1. The lock. No user's transaction holds it: an enqueue of the first task with a key writes news.
    SELECT * INTO q FROM lapinq_queues x WHERE x.name = queue FOR NO KEY UPDATE SKIP LOCKED;
    has_news := EXISTS (SELECT FROM lapinq_lane_news n WHERE n.queue_name = queue);
    IF q.name IS NULL AND EXISTS (SELECT FROM lapinq_queues x WHERE x.name = queue) THEN
        state := 'locked';
        RETURN;
    ELSIF has_news AND q.is_laned IS NOT TRUE THEN
        INSERT INTO lapinq_queues AS x (name, is_laned) VALUES (queue, true)
            ON CONFLICT (name) DO UPDATE SET is_laned = true
        RETURNING * INTO q;
    END IF;
    IF q.name IS NULL
       OR q.paused_at IS NOT NULL
       OR q.fence IS NULL -- A process of the previous release stores the number of its change alone.
          AND q.governed_xid >= pg_snapshot_xmin(pg_current_snapshot())::text::bigint
          AND q.governed_at >= lapinq_now() - interval '30 seconds'
       OR NOT EXISTS (SELECT FROM lapinq_workers w WHERE w.id = worker AND w.dead_at IS NULL) THEN
        RETURN;
    ELSIF q.has_breaker AND NOT is_watched THEN
        state := 'watched';
        RETURN;
    ELSIF q.fence IS NOT NULL THEN
        IF NOT lapinq_is_past_1(q.fence, q.governed_at) THEN
            opens_in := 0.01;
            RETURN;
        END IF;
        UPDATE lapinq_queues x SET fence = NULL WHERE x.name = queue;
    END IF;
    is_fair := q.start_order = 'fair';
    is_strict := q.start_order = 'strict_per_key';

    -- 2. The news, and the lanes whose time has come.
    IF has_news THEN
        SELECT n.told, n.returned INTO told, returned FROM lapinq_take_in_news_1(q) n;
        q.tokens := q.tokens + returned;
    END IF;
    IF q.is_laned THEN
        due := ARRAY(SELECT x.lane
                       FROM lapinq_lanes x
                      WHERE x.queue_name = queue
                        AND x.opens_at <= lapinq_now()
                      ORDER BY x.queue_name, x.opens_at
                      LIMIT greatest(100, wanted));
        IF cardinality(told || due) > 0 THEN
            PERFORM lapinq_look_at_lanes_1(q, told || due, true);
        END IF;
    END IF;

    -- 3. The room.
    room := wanted;
    IF num_nonnulls(q.rate, q.rate_per_key) > 0 THEN
        room := least(room, free);
    END IF;
    IF q.max_running IS NOT NULL THEN
        room := least(room, q.max_running - (SELECT count(*) FROM lapinq_running r WHERE r.queue_name = queue)::integer);
    END IF;
    IF q.rate IS NOT NULL THEN
        room := least(room, floor(least(lapinq_tokens(q.rate, q.tokens, q.tokens_at), unlimited))::integer);
    END IF;
    IF q.has_breaker THEN
        SELECT least(room, CASE WHEN b.state IS NULL OR b.state = 'open' OR b.probe_seq IS NOT NULL THEN 0
                                WHEN b.state = 'half_open' THEN 1
                                WHEN b.in_row > 0 THEN free END),
               CASE WHEN b.state = 'open' THEN extract(epoch FROM b.tries_at - lapinq_now())::float8 END
          INTO room, seconds
          FROM (SELECT) AS one
          LEFT JOIN lapinq_breakers b ON b.queue_name = queue;
        opens_in := CASE WHEN seconds > 0 THEN seconds END;
    END IF;

    -- 4. The rounds.
    size := room;
    reached := q.virtual_time;
    FOR round IN 1 .. most_rounds LOOP
        EXIT WHEN room < 1;
        picked := '{}'; turns := '{}'; unkeyed := 0; touched := '{}'; barren := '{}'; ends := false;
        blocked_before := cardinality(blocked);
        long_before := cardinality(long_lanes);
        late_lanes := '{}'; late_ranks := '{}'; late_places := '{}';
        pick_lanes := '{}'; pick_keys := '{}'; pick_ids := '{}'; pick_times := '{}'; pick_places := '{}'; pick_mosts := '{}';

        IF NOT q.is_laned THEN
            SELECT coalesce(array_agg(x.row_id), '{}'), coalesce(array_agg(x.id), '{}'), max(ARRAY[x.rank, x.seq])
              INTO picked, turns, mark
              FROM (SELECT r.*, count(*) FILTER (WHERE r.isolation >= 2) OVER (ROWS UNBOUNDED PRECEDING) AS nth_isolated
                      FROM (SELECT f.ctid AS row_id, f.id, f.rank, f.seq, f.isolation
                              FROM lapinq_ready f
                             WHERE f.queue_name = queue
                               AND (f.rank, f.seq) >= (mark_rank, mark_seq)
                               AND f.rank <= max_rank
                               AND (f.expires_at IS NULL OR f.expires_at > lapinq_now())
                               AND (f.isolation < 2 OR isolated > 0)
                             ORDER BY f.queue_name, f.rank, f.seq
                             LIMIT greatest(0, room)
                               FOR UPDATE SKIP LOCKED) AS r) AS x
             WHERE x.isolation < 2
                OR x.nth_isolated <= isolated;
            unkeyed := cardinality(picked);
            IF unkeyed > 0 THEN
                reached := greatest(q.unkeyed_time, q.virtual_time)
                           + (unkeyed - 1) / greatest(0.001, coalesce((q.weights ->> '')::float8, 1));
            END IF;
            room := 0;
        ELSE
            has_named := EXISTS (SELECT FROM lapinq_lanes x WHERE x.queue_name = queue AND x.is_open AND x.names > '');
            IF NOT has_named THEN
                sets := '{""}';
                shifts := '{0}';
            ELSE
                SELECT s.sets, s.shifts, s.all_shifts INTO sets, shifts, q.lane_shifts FROM lapinq_next_sets_1(q, blocked, size) s;
                need := ARRAY(SELECT DISTINCT one.name
                                FROM unnest(sets) AS s (names)
                               CROSS JOIN unnest(string_to_array(s.names, ',')) AS one (name)
                               WHERE one.name <> ALL (known));
                IF cardinality(need) > 0 THEN
                    FOR l IN SELECT * FROM lapinq_lock_limits_1(queue, need) LOOP
                        IF l.closed_until > lapinq_now() THEN
                            l.max_running := 0;
                            opens_in := least(opens_in, extract(epoch FROM l.closed_until - lapinq_now())::float8);
                        END IF;
                        known := known || l.name;
                        limits := limits || l;
                        spent := spent || 0::float8;
                        wanted_units := wanted_units || NULL::float8;
                        held := held || (l.created_at IS NOT NULL);
                    END LOOP;
                END IF;
            END IF;
            keys := '{}'; key_lanes := '{}'; key_rooms := '{}'; key_times := '{}'; stop_at := NULL; verdict := NULL;

            FOR t IN
                SELECT *
                  FROM lapinq_window_1(q, sets, shifts, size, room, isolated, mark_rank, mark_seq, max_rank,
                                       CASE WHEN skips_large THEN limits END, long_lanes)
            LOOP
                -- Behind the end it only notes lanes whose place is too early: they would end the next window, too.
                IF room < 1 OR ends OR t.then_by > stop_at OR q.start_order = 'priority' AND t.first_by > max_rank THEN
                    IF t.is_late THEN
                        late_lanes := late_lanes || t.lane;
                        late_ranks := late_ranks || t.rank;
                        late_places := late_places || t.then_by;
                    END IF;
                    CONTINUE;
                END IF;
                ends := t.ends;
                IF ends AND t.nth > 0 THEN
                    long_lanes := long_lanes || t.lane;
                END IF;
                CONTINUE WHEN t.nth IS NULL OR t.names = ANY (blocked);
                IF t.row_id IS NULL THEN
                    IF t.is_behind OR t.most < 1 OR is_strict AND t.lane <> ALL (looked) THEN
                        touched := touched || t.lane; -- in strict order its head may be past its time to live
                        looked := looked || t.lane;
                    ELSE
                        barren := barren || t.lane;
                    END IF;
                    CONTINUE;
                END IF;
                CONTINUE WHEN t.isolation >= 2 AND isolated < 1;

                -- A key may have several lanes, if they take from different limits.
                of_key := NULL;
                IF has_named AND t.key > '' THEN
                    of_key := array_position(keys, t.key);
                    CONTINUE WHEN key_rooms[of_key] < 1;
                    IF is_fair AND t.lane <> key_lanes[of_key] THEN
                        touched := touched || t.lane; -- the other was first, and this one comes after that
                        stop_at := least(stop_at, key_times[of_key]);
                        CONTINUE;
                    END IF;
                END IF;

                -- All its limits must have room. Behind a task that waits for units nothing takes from that limit, or it
                -- would wait forever.
                IF t.units IS NOT NULL THEN
                    need := string_to_array(t.names, ',');
                    verdict := NULL;
                    is_rated := false;
                    FOR i IN 1 .. cardinality(need) LOOP
                        l := limits[array_position(known, need[i])];
                        is_rated := is_rated OR l.rate IS NOT NULL;
                        IF l.max_running < 1 THEN
                            verdict := 'full';
                            EXIT;
                        ELSIF t.units[i] > (l.rate ->> 'burst')::float8 THEN
                            verdict := 'too large';
                        ELSIF t.units[i] > l.tokens AND verdict IS NULL THEN
                            verdict := 'short';
                        END IF;
                    END LOOP;
                    IF verdict = 'too large' THEN
                        EXIT WHEN NOT skips_large; -- the next round has no such tasks
                        CONTINUE;
                    ELSIF verdict IS NULL AND is_rated AND started + cardinality(picked) >= free THEN
                        verdict := 'full';
                    END IF;
                    FOR i IN 1 .. cardinality(need) LOOP
                        nth := array_position(known, need[i]);
                        CONTINUE WHEN nth IS NULL; -- it was deleted
                        IF verdict IS NULL THEN
                            limits[nth].max_running := limits[nth].max_running - 1;
                            limits[nth].tokens := limits[nth].tokens - t.units[i];
                            spent[nth] := spent[nth] + t.units[i];
                        ELSIF verdict = 'short' AND t.units[i] > limits[nth].tokens THEN
                            opens_in := least(opens_in, (t.units[i] - limits[nth].tokens)
                                                        * (limits[nth].rate ->> 'period_seconds')::float8
                                                        / (limits[nth].rate ->> 'limit')::float8);
                            limits[nth].max_running := 0;
                            wanted_units[nth] := t.units[i];
                        END IF;
                    END LOOP;
                    IF verdict IS NOT NULL THEN
                        blocked := blocked || t.names;
                        CONTINUE;
                    END IF;
                END IF;

                room := room - 1;
                picked := picked || t.row_id;
                turns := turns || t.id;
                isolated := isolated - (t.isolation >= 2)::integer;
                IF is_fair THEN
                    reached := greatest(reached, t.then_by);
                END IF;
                IF t.lane IS NULL THEN
                    unkeyed := unkeyed + 1;
                    mark := greatest(mark, ARRAY[t.rank, t.seq]);
                    CONTINUE;
                END IF;
                pick_lanes := pick_lanes || t.lane;
                pick_keys := pick_keys || t.key;
                pick_ids := pick_ids || t.id;
                pick_times := pick_times || t.time;
                pick_places := pick_places || t.time - t.shift;
                pick_mosts := pick_mosts || t.most;
                IF of_key IS NOT NULL THEN
                    key_rooms[of_key] := key_rooms[of_key] - 1;
                    key_times[of_key] := t.time;
                ELSIF has_named AND t.key > '' THEN
                    keys := keys || t.key;
                    key_lanes := key_lanes || t.lane;
                    key_rooms := key_rooms || coalesce(t.most, unlimited) - 1;
                    key_times := key_times || t.time;
                END IF;
            END LOOP;
        END IF;

        IF cardinality(picked) > 0 THEN
            started := started + cardinality(picked);
            part := lapinq_start_1(queue, worker, token, picked, turns, lease, margin, q.has_breaker);
            claims := coalesce(left(claims, -1) || ',' || substr(part, 2), part, claims);
            -- Orders other than fair leave virtual times alone.
            IF cardinality(pick_keys) > 0 AND (q.start_order <> 'priority' OR q.rate_per_key IS NOT NULL) THEN
                INSERT INTO lapinq_keys AS k (queue_name, key, virtual_time, tokens, tokens_at, holder, changed_at)
                SELECT queue, p.key, CASE WHEN is_fair THEN max(p.time) ELSE coalesce(max(x.virtual_time), 0) END,
                       lapinq_tokens(q.rate_per_key, max(x.tokens), max(x.tokens_at)) - count(*),
                       CASE WHEN q.rate_per_key IS NOT NULL THEN lapinq_refilled_at(q.rate_per_key, max(x.tokens_at)) END,
                       (array_agg(p.id))[1], lapinq_now()
                  FROM unnest(pick_keys, pick_times, pick_ids) AS p (key, "time", id)
                  LEFT JOIN LATERAL (
                       SELECT y.virtual_time, y.tokens, y.tokens_at
                         FROM lapinq_keys y
                        WHERE y.queue_name = queue
                          AND y.key = p.key
                        LIMIT 1) AS x ON true
                 GROUP BY p.key
                    ON CONFLICT (queue_name, key) DO UPDATE
                   SET virtual_time = excluded.virtual_time,
                       tokens = excluded.tokens,
                       tokens_at = excluded.tokens_at,
                       holder = excluded.holder,
                       changed_at = excluded.changed_at;
            END IF;
            IF is_fair THEN
                IF unkeyed > 0 THEN
                    q.unkeyed_time := greatest(q.unkeyed_time, q.virtual_time)
                                      + unkeyed / greatest(0.001, coalesce((q.weights ->> '')::float8, 1));
                END IF;
                q.virtual_time := reached;
            END IF;
        END IF;
        EXIT WHEN NOT q.is_laned;
        changed := lapinq_advance_lanes_1(q, pick_lanes, pick_places, pick_mosts, touched) + cardinality(barren || late_lanes);
        has_changed := has_changed OR changed > 0;
        IF cardinality(late_lanes) > 0 THEN
            UPDATE lapinq_lanes x
               SET rank = CASE WHEN q.start_order = 'priority' THEN u.rank ELSE 0 END,
                   place = u.place,
                   changed_at = lapinq_now()
              FROM unnest(late_lanes, late_ranks, late_places) AS u (lane, rank, place)
             CROSS JOIN LATERAL (
                   SELECT y.ctid AS row_id
                     FROM lapinq_lanes y
                    WHERE y.queue_name = queue
                      AND y.lane = u.lane
                    LIMIT 1) AS one
             WHERE x.ctid = one.row_id;
        END IF;
        IF cardinality(barren) > 0 THEN
            UPDATE lapinq_lanes x
               SET is_open = false,
                   opens_at = lapinq_now() + CASE WHEN skips_large AND x.names > '' THEN large_again ELSE alone_again END,
                   changed_at = lapinq_now()
             WHERE x.queue_name = queue
               AND x.lane = ANY (barren);
        END IF;

        skips_large := skips_large OR verdict = 'too large';
        -- Is there more that the next round may find, or find otherwise?
        EXIT WHEN NOT ends AND verdict IS DISTINCT FROM 'too large' AND cardinality(touched || barren || late_lanes) = 0
                  AND cardinality(blocked) = blocked_before;
        EXIT WHEN changed = 0 AND cardinality(picked) = 0 AND verdict IS DISTINCT FROM 'too large'
                  AND cardinality(blocked || long_lanes) = blocked_before + long_before AND (size >= most_lanes OR NOT ends);
        IF cardinality(picked) = 0 THEN
            size := least(size * 2, most_lanes);
        END IF;
        again := round = most_rounds AND room > 0;
    END LOOP;

    -- 5. What the starts used of the rates, and the virtual time.
    IF started > 0 AND q.rate IS NOT NULL OR is_fair AND (started > 0 OR has_changed) OR returned > 0 THEN
        UPDATE lapinq_queues x
           SET tokens = lapinq_tokens(q.rate, q.tokens, q.tokens_at) - started,
               tokens_at = CASE WHEN q.rate IS NOT NULL THEN lapinq_refilled_at(q.rate, q.tokens_at) END,
               virtual_time = q.virtual_time,
               unkeyed_time = q.unkeyed_time,
               lane_shifts = q.lane_shifts
         WHERE x.name = queue;
    END IF;
    IF cardinality(known) > 0 THEN
        UPDATE lapinq_limits x
           SET tokens = lapinq_tokens(x.rate, x.tokens, x.tokens_at) - u.units,
               tokens_at = lapinq_refilled_at(x.rate, x.tokens_at)
          FROM unnest(known, spent) AS u (name, units)
         WHERE x.name = u.name
           AND x.rate IS NOT NULL
           AND u.units > 0;
        PERFORM lapinq_reserve_1(queue, array_agg(u.name), array_agg(u.units), array_agg(u.spent > 0))
           FROM unnest(known, wanted_units, spent, held) AS u (name, units, spent, is_held)
          WHERE u.is_held;
    END IF;

    -- 6. When something may start that now waits for a time.
    SELECT min(s.seconds)
      INTO seconds
      FROM (SELECT (1 + started - lapinq_tokens(q.rate, q.tokens, q.tokens_at))
                   * (q.rate ->> 'period_seconds')::float8 / (q.rate ->> 'limit')::float8 AS seconds
             UNION ALL
            (SELECT extract(epoch FROM x.opens_at - lapinq_now())::float8
               FROM lapinq_lanes x
              WHERE x.queue_name = queue
                AND x.opens_at > lapinq_now()
              ORDER BY x.queue_name, x.opens_at
              LIMIT 1)) AS s
     WHERE s.seconds > 0;
    opens_in := least(opens_in, seconds);
    again := again OR cardinality(due) >= greatest(100, wanted) OR has_news AND EXISTS (SELECT FROM lapinq_lane_news n WHERE n.queue_name = queue);
END
$function$;

CREATE OR REPLACE FUNCTION lapinq_claim_governed_2(queue text, worker uuid, token uuid, wanted integer, free integer, isolated integer, mark_rank bigint, mark_seq bigint, max_rank bigint, first_rank bigint, first_place double precision, first_news bigint, lease double precision, margin double precision, is_watched boolean, OUT claims text, OUT state text, OUT opens_in double precision, OUT again boolean, OUT mark bigint[], OUT lane_mark double precision[])
 RETURNS record
 LANGUAGE plpgsql
 SET enable_sort TO 'off'
AS $function$
DECLARE
    most_rounds CONSTANT integer := 16;
    alone_again CONSTANT interval := '1 second'; -- for a lane whose tasks this worker can't run, or that somebody has locked
    large_again CONSTANT interval := '15 seconds'; -- for one whose tasks need more than their limit ever has
    most_lanes CONSTANT integer := greatest(500, wanted); -- in a window, or it would hold the lock for long
    unlimited CONSTANT integer := 2147483647;
    q lapinq_queues;
    is_fair boolean;
    is_strict boolean;
    has_news boolean;
    told text[] := '{}';
    opened text[] := '{}';
    due text[] := '{}';
    last_news bigint;
    returned float8 := 0;
    room integer; -- how many more tasks may start
    started integer := 0;
    size integer; -- of the window, in lanes
    sets text[] := '{""}'; -- the sets of named limits whose lanes are in the window
    shifts float8[] := '{0}';
    has_named boolean; -- an open lane takes from a named limit
    limits lapinq_limits[] := '{}'; -- those of the sets that the window had so far; see lapinq_lock_limits_1
    known text[] := '{}'; -- their names
    numbers jsonb := '{}'; -- by name, which of them it is
    spent float8[] := '{}';
    held boolean[] := '{}'; -- whether this claim has locked them
    wanted_units float8[] := '{}'; -- that the first task needs which takes from the limit, if too few are left; 0: a place
    blocked_before integer;
    long_before integer;
    early record; -- the first of the lanes that it opens or looks at
    blocked text[] := '{}'; -- sets of which nothing may start now
    skips_large boolean := false; -- the window is without tasks that need more than their limit ever has
    t record;
    l lapinq_limits;
    need text[];
    nth integer;
    verdict text;
    full_one integer; -- of its limits one without a place
    blocking integer; -- how many of its limits have no room
    is_rated boolean;
    ends boolean;
    long_lanes text[] := '{}'; -- lanes that ended the walk, as more may wait in them
    late_lanes text[]; -- lanes whose place is before what may start here, and where that is
    late_ranks bigint[];
    late_places float8[];
    changed integer; -- lanes, in this round
    has_changed boolean := false;
    part text;
    picked tid[];
    turns uuid[];
    unkeyed integer; -- picked tasks that are in no lane
    reached float8; -- the virtual time of the last start
    picks lapinq_pick_2[]; -- those of them that are in lanes
    -- Where a key may have several open lanes, of each key that was picked: its first lane, how many more may start, and
    -- its virtual time.
    keys text[];
    key_lanes text[];
    key_rooms integer[];
    key_times float8[];
    of_key integer;
    stop_at float8; -- what another lane of such a key comes before
    touched text[];
    looked text[] := '{}'; -- those that were touched in an earlier round
    barren text[]; -- lanes of which nothing may start here
    seconds float8;
    next_news bigint;
BEGIN
    again := false;

    -- 1. The lock. No user's transaction holds it: an enqueue of the first task with a key writes news.
    SELECT *
      INTO q
      FROM lapinq_queues x
     WHERE x.ctid = (SELECT y.ctid
                       FROM lapinq_queues y
                      WHERE y.name BETWEEN queue AND queue
                      ORDER BY y.name DESC
                      LIMIT 1)
       FOR NO KEY UPDATE SKIP LOCKED;
    has_news := EXISTS (SELECT FROM lapinq_lane_news n WHERE n.queue_name = queue AND n.seq >= first_news);
    IF q.name IS NULL
       AND EXISTS (SELECT FROM lapinq_queues x WHERE x.name BETWEEN queue AND queue ORDER BY x.name DESC LIMIT 1) THEN
        state := 'locked';
        RETURN;
    ELSIF has_news AND q.is_laned IS NOT TRUE THEN
        INSERT INTO lapinq_queues AS x (name, is_laned) VALUES (queue, true)
            ON CONFLICT (name) DO UPDATE SET is_laned = true
        RETURNING * INTO q;
    END IF;
    IF q.name IS NULL
       OR q.paused_at IS NOT NULL
       OR q.fence IS NULL -- A process of the previous release stores the number of its change alone.
          AND q.governed_xid >= pg_snapshot_xmin(pg_current_snapshot())::text::bigint
          AND q.governed_at >= lapinq_now() - interval '30 seconds'
       OR NOT EXISTS (SELECT FROM lapinq_workers w WHERE w.id = worker AND w.dead_at IS NULL) THEN
        RETURN;
    ELSIF q.has_breaker AND NOT is_watched THEN
        state := 'watched';
        RETURN;
    ELSIF q.fence IS NOT NULL THEN
        IF NOT lapinq_is_past_1(q.fence, q.governed_at) THEN
            opens_in := 0.01;
            RETURN;
        END IF;
        UPDATE lapinq_queues x SET fence = NULL WHERE x.name = queue;
    END IF;
    is_fair := q.start_order = 'fair';
    is_strict := q.start_order = 'strict_per_key';

    -- 2. The news, and the lanes whose time has come.
    IF has_news THEN
        SELECT n.told, n.opened, n.returned, n.last_seq
          INTO told, opened, returned, last_news
          FROM lapinq_take_in_news_2(q, first_news) n;
        q.tokens := q.tokens + returned;
    END IF;
    IF q.is_laned THEN
        due := ARRAY(SELECT x.lane
                       FROM lapinq_lanes x
                      WHERE x.queue_name = queue
                        AND x.opens_at <= lapinq_now()
                      ORDER BY x.queue_name, x.opens_at
                      LIMIT greatest(100, wanted));
        IF cardinality(told || due) > 0 THEN
            PERFORM lapinq_look_at_lanes_1(q, told || due, true);
        END IF;
        SELECT one.rank, one.place
          INTO early
          FROM unnest(told || due || opened) AS n (lane)
         CROSS JOIN LATERAL (
               SELECT x.rank, x.place, x.is_open
                 FROM lapinq_lanes x
                WHERE x.queue_name = queue
                  AND x.lane = n.lane
                LIMIT 1) AS one
         WHERE one.is_open
         ORDER BY one.rank, one.place
         LIMIT 1;
        IF (early.rank, early.place) < (first_rank, first_place) THEN
            first_rank := early.rank;
            first_place := early.place;
        END IF;
    END IF;

    -- 3. The room.
    room := wanted;
    IF num_nonnulls(q.rate, q.rate_per_key) > 0 THEN
        room := least(room, free);
    END IF;
    IF q.max_running IS NOT NULL THEN
        room := least(room, q.max_running - (SELECT count(*) FROM lapinq_running r WHERE r.queue_name = queue)::integer);
    END IF;
    IF q.rate IS NOT NULL THEN
        room := least(room, floor(least(lapinq_tokens(q.rate, q.tokens, q.tokens_at), unlimited))::integer);
    END IF;
    IF q.has_breaker THEN
        SELECT least(room, CASE WHEN b.state IS NULL OR b.state = 'open' OR b.probe_seq IS NOT NULL THEN 0
                                WHEN b.state = 'half_open' THEN 1
                                WHEN b.in_row > 0 THEN free END),
               CASE WHEN b.state = 'open' THEN extract(epoch FROM b.tries_at - lapinq_now())::float8 END
          INTO room, seconds
          FROM (SELECT) AS one
          LEFT JOIN lapinq_breakers b ON b.queue_name = queue;
        opens_in := CASE WHEN seconds > 0 THEN seconds END;
    END IF;

    -- 4. The rounds.
    size := room;
    reached := q.virtual_time;
    FOR round IN 1 .. most_rounds LOOP
        EXIT WHEN room < 1;
        picked := '{}'; turns := '{}'; unkeyed := 0; touched := '{}'; barren := '{}'; ends := false;
        blocked_before := cardinality(blocked);
        long_before := cardinality(long_lanes);
        late_lanes := '{}'; late_ranks := '{}'; late_places := '{}';
        picks := '{}';

        IF NOT q.is_laned THEN
            SELECT p.picked, p.ids, p.mark
              INTO picked, turns, mark
              FROM lapinq_pick_unlaned_2(queue, room, isolated, mark_rank, mark_seq, max_rank) p;
            unkeyed := cardinality(picked);
            IF unkeyed > 0 THEN
                reached := greatest(q.unkeyed_time, q.virtual_time)
                           + (unkeyed - 1) / greatest(0.001, coalesce((q.weights ->> '')::float8, 1));
            END IF;
            room := 0;
        ELSE
            has_named := EXISTS (SELECT FROM lapinq_lanes x WHERE x.queue_name = queue AND x.is_open AND x.names > '');
            IF NOT has_named THEN
                sets := '{""}';
                shifts := '{0}';
            ELSE
                SELECT s.sets, s.shifts, s.all_shifts INTO sets, shifts, q.lane_shifts FROM lapinq_next_sets_1(q, blocked, size) s;
                need := ARRAY(SELECT DISTINCT one.name
                                FROM unnest(sets) AS s (names)
                               CROSS JOIN unnest(string_to_array(s.names, ',')) AS one (name)
                               WHERE one.name <> ALL (known));
                IF cardinality(need) > 0 THEN
                    FOR l IN SELECT * FROM lapinq_lock_limits_1(queue, need) LOOP
                        IF l.closed_until > lapinq_now() THEN
                            l.max_running := 0;
                            opens_in := least(opens_in, extract(epoch FROM l.closed_until - lapinq_now())::float8);
                        END IF;
                        known := known || l.name;
                        limits := limits || l;
                        spent := spent || 0::float8;
                        wanted_units := wanted_units || NULL::float8;
                        held := held || (l.created_at IS NOT NULL);
                    END LOOP;
                    numbers := coalesce((SELECT jsonb_object_agg(k.name, k.nth)
                                           FROM unnest(known) WITH ORDINALITY AS k (name, nth)), '{}');
                END IF;
            END IF;
            keys := '{}'; key_lanes := '{}'; key_rooms := '{}'; key_times := '{}'; stop_at := NULL; verdict := NULL;

            FOR t IN
                SELECT *
                  FROM lapinq_window_2(q, sets, shifts, size, room, isolated, mark_rank, mark_seq, max_rank,
                                       first_rank, first_place, CASE WHEN skips_large THEN limits END, long_lanes)
            LOOP
                -- Behind the end it only notes lanes whose place is too early: they would end the next window, too.
                IF room < 1 OR ends OR t.then_by > stop_at OR q.start_order = 'priority' AND t.first_by > max_rank THEN
                    IF t.is_late THEN
                        late_lanes := late_lanes || t.lane;
                        late_ranks := late_ranks || t.rank;
                        late_places := late_places || t.then_by;
                    END IF;
                    CONTINUE;
                END IF;
                ends := t.ends;
                IF ends AND t.nth > 0 THEN
                    long_lanes := long_lanes || t.lane;
                END IF;
                CONTINUE WHEN t.nth IS NULL OR t.names = ANY (blocked);
                IF t.row_id IS NULL THEN
                    IF t.is_behind OR t.most < 1 OR is_strict AND t.lane <> ALL (looked) THEN
                        touched := touched || t.lane; -- in strict order its head may be past its time to live
                        looked := looked || t.lane;
                    ELSE
                        barren := barren || t.lane;
                    END IF;
                    CONTINUE;
                END IF;
                CONTINUE WHEN t.isolation >= 2 AND isolated < 1;

                -- A key may have several lanes, if they take from different limits.
                of_key := NULL;
                IF has_named AND t.key > '' THEN
                    of_key := array_position(keys, t.key);
                    CONTINUE WHEN key_rooms[of_key] < 1;
                    IF is_fair AND t.lane <> key_lanes[of_key] THEN
                        touched := touched || t.lane; -- the other was first, and this one comes after that
                        stop_at := least(stop_at, key_times[of_key]);
                        CONTINUE;
                    END IF;
                END IF;

                -- All its limits must have room. Behind a task that waits for units nothing takes from that limit, or it
                -- would wait forever.
                IF t.units IS NOT NULL THEN
                    need := string_to_array(t.names, ',');
                    verdict := NULL;
                    blocking := 0;
                    is_rated := false;
                    FOR i IN 1 .. cardinality(need) LOOP
                        nth := (numbers -> need[i])::integer;
                        l := limits[nth];
                        is_rated := is_rated OR l.rate IS NOT NULL;
                        IF l.max_running < 1 THEN
                            verdict := 'full';
                            blocking := blocking + 1;
                            full_one := nth;
                        ELSIF t.units[i] > (l.rate ->> 'burst')::float8 THEN
                            verdict := 'too large';
                            EXIT;
                        ELSIF t.units[i] > l.tokens THEN
                            verdict := coalesce(verdict, 'short');
                            blocking := blocking + 1;
                        END IF;
                    END LOOP;
                    IF verdict = 'full' AND blocking = 1 AND spent[full_one] = 0
                       AND (limits[full_one].closed_until > lapinq_now()) IS NOT TRUE THEN
                        wanted_units[full_one] := coalesce(wanted_units[full_one], 0); -- nothing is missing but a place
                    END IF;
                    IF verdict = 'too large' THEN
                        EXIT WHEN NOT skips_large; -- the next round has no such tasks
                        CONTINUE;
                    ELSIF verdict IS NULL AND is_rated AND started + cardinality(picked) >= free THEN
                        verdict := 'full';
                    END IF;
                    FOR i IN 1 .. cardinality(need) LOOP
                        nth := (numbers -> need[i])::integer;
                        CONTINUE WHEN nth IS NULL; -- it was deleted
                        IF verdict IS NULL THEN
                            limits[nth].max_running := limits[nth].max_running - 1;
                            limits[nth].tokens := limits[nth].tokens - t.units[i];
                            spent[nth] := spent[nth] + t.units[i];
                        ELSIF verdict = 'short' AND t.units[i] > limits[nth].tokens THEN
                            opens_in := least(opens_in, (t.units[i] - limits[nth].tokens)
                                                        * (limits[nth].rate ->> 'period_seconds')::float8
                                                        / (limits[nth].rate ->> 'limit')::float8);
                            limits[nth].max_running := 0;
                            wanted_units[nth] := t.units[i];
                        END IF;
                    END LOOP;
                    IF verdict IS NOT NULL THEN
                        blocked := blocked || t.names;
                        CONTINUE;
                    END IF;
                END IF;

                room := room - 1;
                picked := picked || t.row_id;
                turns := turns || t.id;
                isolated := isolated - (t.isolation >= 2)::integer;
                IF is_fair THEN
                    reached := greatest(reached, t.then_by);
                END IF;
                IF t.lane IS NULL THEN
                    unkeyed := unkeyed + 1;
                    mark := greatest(mark, ARRAY[t.rank, t.seq]);
                    CONTINUE;
                END IF;
                picks := picks || ROW(t.lane, t.key, t.id, t.time, t.time - t.shift, t.most)::lapinq_pick_2;
                IF of_key IS NOT NULL THEN
                    key_rooms[of_key] := key_rooms[of_key] - 1;
                    key_times[of_key] := t.time;
                ELSIF has_named AND t.key > '' THEN
                    keys := keys || t.key;
                    key_lanes := key_lanes || t.lane;
                    key_rooms := key_rooms || coalesce(t.most, unlimited) - 1;
                    key_times := key_times || t.time;
                END IF;
            END LOOP;
        END IF;

        IF cardinality(picked) > 0 THEN
            started := started + cardinality(picked);
            part := lapinq_start_1(queue, worker, token, picked, turns, lease, margin, q.has_breaker);
            claims := coalesce(left(claims, -1) || ',' || substr(part, 2), part, claims);
            -- Orders other than fair leave virtual times alone.
            IF cardinality(picks) > 0 AND (q.start_order <> 'priority' OR q.rate_per_key IS NOT NULL) THEN
                PERFORM lapinq_charge_keys_2(q, picks);
            END IF;
            IF is_fair THEN
                IF unkeyed > 0 THEN
                    q.unkeyed_time := greatest(q.unkeyed_time, q.virtual_time)
                                      + unkeyed / greatest(0.001, coalesce((q.weights ->> '')::float8, 1));
                END IF;
                q.virtual_time := reached;
            END IF;
        END IF;
        EXIT WHEN NOT q.is_laned;
        changed := lapinq_advance_lanes_2(q, picks, touched) + cardinality(barren || late_lanes);
        has_changed := has_changed OR changed > 0;
        IF cardinality(late_lanes) > 0 THEN
            UPDATE lapinq_lanes x
               SET rank = CASE WHEN q.start_order = 'priority' THEN u.rank ELSE 0 END,
                   place = u.place,
                   changed_at = lapinq_now()
              FROM unnest(late_lanes, late_ranks, late_places) AS u (lane, rank, place)
             CROSS JOIN LATERAL (
                   SELECT y.ctid AS row_id
                     FROM lapinq_lanes y
                    WHERE y.queue_name = queue
                      AND y.lane = u.lane
                    LIMIT 1) AS one
             WHERE x.ctid = one.row_id;
        END IF;
        IF cardinality(barren) > 0 THEN
            UPDATE lapinq_lanes x
               SET is_open = false,
                   opens_at = lapinq_now() + CASE WHEN skips_large AND x.names > '' THEN large_again ELSE alone_again END,
                   changed_at = lapinq_now()
             WHERE x.queue_name = queue
               AND x.lane = ANY (barren);
        END IF;

        skips_large := skips_large OR verdict = 'too large';
        -- Is there more that the next round may find, or find otherwise?
        EXIT WHEN NOT ends AND verdict IS DISTINCT FROM 'too large' AND cardinality(touched || barren || late_lanes) = 0
                  AND cardinality(blocked) = blocked_before;
        EXIT WHEN changed = 0 AND cardinality(picked) = 0 AND verdict IS DISTINCT FROM 'too large'
                  AND cardinality(blocked || long_lanes) = blocked_before + long_before AND (size >= most_lanes OR NOT ends);
        IF cardinality(picked) = 0 THEN
            size := least(size * 2, most_lanes);
        END IF;
        again := round = most_rounds AND room > 0;
    END LOOP;

    -- 5. What the starts used of the rates, and the virtual time.
    IF started > 0 AND q.rate IS NOT NULL OR is_fair AND (started > 0 OR has_changed) OR returned > 0 THEN
        UPDATE lapinq_queues x
           SET tokens = lapinq_tokens(q.rate, q.tokens, q.tokens_at) - started,
               tokens_at = CASE WHEN q.rate IS NOT NULL THEN lapinq_refilled_at(q.rate, q.tokens_at) END,
               virtual_time = q.virtual_time,
               unkeyed_time = q.unkeyed_time,
               lane_shifts = q.lane_shifts
         WHERE x.ctid = (SELECT y.ctid
                           FROM lapinq_queues y
                          WHERE y.name BETWEEN queue AND queue
                          ORDER BY y.name DESC
                          LIMIT 1);
    END IF;
    IF cardinality(known) > 0 THEN
        UPDATE lapinq_limits x
           SET tokens = lapinq_tokens(x.rate, x.tokens, x.tokens_at) - u.units,
               tokens_at = lapinq_refilled_at(x.rate, x.tokens_at)
          FROM unnest(known, spent) AS u (name, units)
         CROSS JOIN LATERAL (
               SELECT y.ctid AS row_id
                 FROM lapinq_limits y
                WHERE y.name BETWEEN u.name AND u.name
                ORDER BY y.name DESC
                LIMIT 1) AS newest
         WHERE x.ctid = newest.row_id
           AND x.rate IS NOT NULL
           AND u.units > 0;
        PERFORM lapinq_reserve_2(queue, array_agg(u.name), array_agg(u.units), array_agg(u.spent > 0),
                                 array_agg(limits[u.nth].max_running > 0))
           FROM unnest(known, wanted_units, spent, held) WITH ORDINALITY AS u (name, units, spent, is_held, nth)
          WHERE u.is_held
            AND (u.units IS NOT NULL OR limits[u.nth].reserved_by = queue)
         HAVING count(*) > 0;
    END IF;

    -- 6. When something may start that now waits for a time.
    SELECT min(s.seconds)
      INTO seconds
      FROM (SELECT (1 + started - lapinq_tokens(q.rate, q.tokens, q.tokens_at))
                   * (q.rate ->> 'period_seconds')::float8 / (q.rate ->> 'limit')::float8 AS seconds
             UNION ALL
            (SELECT extract(epoch FROM x.opens_at - lapinq_now())::float8
               FROM lapinq_lanes x
              WHERE x.queue_name = queue
                AND x.opens_at > lapinq_now()
              ORDER BY x.queue_name, x.opens_at
              LIMIT 1)) AS s
     WHERE s.seconds > 0;
    opens_in := least(opens_in, seconds);

    -- 7. Where the next claim begins.
    SELECT n.seq
      INTO next_news
      FROM lapinq_lane_news n
     WHERE n.queue_name = queue
       AND n.seq >= first_news
     ORDER BY n.queue_name, n.seq
     LIMIT 1;
    again := again OR cardinality(due) >= greatest(100, wanted) OR has_news AND next_news IS NOT NULL;
    IF q.is_laned THEN
        SELECT ARRAY[x.rank, x.place, coalesce(next_news, last_news + 1, first_news)]
          INTO lane_mark
          FROM lapinq_lanes x
         WHERE x.queue_name = queue
           AND x.names = ''
           AND x.is_open
           AND (x.rank, x.place) >= (first_rank, first_place)
         ORDER BY x.queue_name, x.names, x.rank, x.place
         LIMIT 1;
    END IF;
END
$function$;

CREATE OR REPLACE FUNCTION lapinq_end_workflows_1(ids uuid[])
 RETURNS void
 LANGUAGE sql
 SET enable_seqscan TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
AS $function$
UPDATE lapinq_workflows w
   SET status = CASE WHEN w.pending > 0 OR w.is_open THEN 'running'
                     WHEN w.cancelled_at IS NOT NULL THEN 'cancelled'
                     WHEN w.failed + w.expired > 0 AND EXISTS (
                          SELECT
                            FROM lapinq_workflow_tasks m
                           WHERE m.workflow_id = w.id
                             AND m.outcome IN ('failed', 'expired')
                             AND NOT EXISTS (SELECT
                                               FROM lapinq_workflow_edges e
                                               JOIN lapinq_workflow_tasks c ON c.task_id = e.child_id
                                              WHERE e.parent_id = m.task_id
                                                AND c.after_failure = 'run')) THEN 'failed'
                     ELSE 'completed' END,
       ended_at = CASE WHEN w.pending = 0 AND NOT w.is_open THEN lapinq_now() END
 WHERE w.id = ANY (ids)
   AND (w.pending = 0 AND NOT w.is_open) = (w.ended_at IS NULL)
$function$;

CREATE OR REPLACE FUNCTION lapinq_enqueue(task jsonb)
 RETURNS uuid
 LANGUAGE plpgsql
AS $function$
DECLARE
    -- What Python's str.isprintable refuses, but for code points without a character.
    unprintable CONSTANT text := '[\u0001-\u001F\u007F-\u00A0\u00AD\u0600-\u0605\u061C\u06DD\u070F\u0890-\u0891\u08E2'
        '\u1680\u180E\u2000-\u200F\u2028-\u202F\u205F-\u2064\u2066-\u206F\u3000\uE000-\uF8FF\uFEFF\uFFF9-\uFFFB'
        '\U000110BD\U000110CD\U00013430-\U00013438\U0001BCA0-\U0001BCA3\U0001D173-\U0001D17A\U000E0001'
        '\U000E0020-\U000E007F\U000F0000-\U000FFFFD\U00100000-\U0010FFFD]';
    -- Letters beyond ASCII depend on the database's locale, so any such character counts as one.
    dotted_name CONSTANT text := '^([A-Za-z_]|[^\u0001-\u007F])(\w|[^\u0001-\u007F])*'
        '(\.([A-Za-z_]|[^\u0001-\u007F])(\w|[^\u0001-\u007F])*)*$';
    web_address CONSTANT text := '^https?://(?:[^/?#]*@)?(?:\[[0-9a-f:.]+\]|[^/?#@:\[\]]+)(?::(\d*))?(?:[/?#].*)?$';
    iso_time CONSTANT text := '^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d([.,]\d+)?)?(Z|[+-]\d\d(:?\d\d)?)?)?$';
    too_deep CONSTANT jsonpath := 'strict $.**{100} ? (@.type() == "object" || @.type() == "array")';
    too_large CONSTANT jsonpath := 'strict $.** ? (@.type() == "number" && (@ >= 1e4300 || @ <= -1e4300'
        ' || (@ > 1.7976931348623157e308 || @ < -1.7976931348623157e308) && @ != @.floor()))';
    ten_years CONSTANT integer := 315576000;
    queue text := coalesce(task->>'queue_name', 'default');
    arguments jsonb := coalesce(nullif(task->'args', 'null'), '[]');
    keywords jsonb := coalesce(nullif(task->'kwargs', 'null'), '{}');
    address text := task->>'webhook_url';
    moment text := replace(task->>'scheduled_at', ',', '.');
    note jsonb := nullif(task->'metadata', 'null');
    about text := task->>'key';
    shares jsonb := nullif(nullif(task->'limits', 'null'), '{}');
    lane text;
    rule jsonb := coalesce(nullif(task->'unique', 'null'), nullif(task->'debounce', 'null'));
    rule_name CONSTANT text := CASE WHEN coalesce(task->'unique', 'null') <> 'null' THEN 'unique' ELSE 'debounce' END;
    is_debounce CONSTANT boolean := rule_name = 'debounce';
    entry jsonb;
    met json;
    stored record;
    retries numeric;
    priority numeric;
    delay numeric;
    lifetime numeric;
    time_limit numeric;
    due timestamptz;
    wrong record;
    new_id uuid;
BEGIN
    IF jsonb_typeof(task) IS DISTINCT FROM 'object' THEN
        RAISE EXCEPTION 'task: must be an object' USING ERRCODE = '22023', COLUMN = 'task';
    END IF;

    SELECT coalesce(field.name, given.key) AS field,
           CASE WHEN field.name IS NULL THEN 'is not a known field'
                WHEN given.key IS NULL THEN 'is required'
                ELSE format('must be %s, not %s', field.kind, given.kind) END AS problem
      INTO wrong
      FROM (VALUES ('task_name', 'a string', true), ('module_path', 'a string', true), ('queue_name', 'a string', false),
                   ('args', 'a list', false), ('kwargs', 'an object', false), ('scheduled_at', 'a string', false),
                   ('max_retries', 'an integer', false), ('priority', 'an integer', false),
                   ('ttl_seconds', 'a number', false), ('metadata', 'an object', false),
                   ('retry_delay', 'a number', false), ('retry_backoff', 'true or false', false),
                   ('webhook_url', 'a string', false), ('timeout_seconds', 'a number', false),
                   ('key', 'a string', false), ('limits', 'an object', false),
                   ('unique', 'an object', false), ('debounce', 'an object', false)
           ) AS field (name, kind, is_required)
      FULL JOIN (
           SELECT key, value,
                  CASE jsonb_typeof(value) WHEN 'string' THEN 'a string' WHEN 'array' THEN 'a list'
                       WHEN 'object' THEN 'an object' WHEN 'null' THEN 'null' WHEN 'boolean' THEN 'a boolean'
                       ELSE CASE WHEN value::text LIKE '%.%' THEN 'a decimal fraction' ELSE 'an integer' END END AS kind
             FROM jsonb_each(task)
           ) AS given ON given.key = field.name
     WHERE field.name IS NULL
        OR CASE WHEN given.key IS NULL THEN field.is_required
                WHEN given.kind = 'null' THEN field.is_required
                WHEN field.kind = 'a number' THEN given.kind NOT IN ('an integer', 'a decimal fraction')
                WHEN field.kind = 'true or false' THEN given.kind <> 'a boolean'
                ELSE given.kind <> field.kind END
     LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '%: %', wrong.field, wrong.problem USING ERRCODE = '22023', COLUMN = wrong.field;
    END IF;

    IF rule IS NOT NULL THEN
        PERFORM lapinq_check_unique(rule_name, rule);
        IF NOT is_debounce AND coalesce(task->'debounce', 'null') <> 'null' THEN
            RAISE EXCEPTION 'debounce: cannot be combined with unique' USING ERRCODE = '22023', COLUMN = 'debounce';
        END IF;
        IF is_debounce AND moment IS NOT NULL THEN
            RAISE EXCEPTION 'debounce: cannot be combined with scheduled_at'
                USING ERRCODE = '22023', COLUMN = 'debounce';
        END IF;
    END IF;

    retries := coalesce((task->>'max_retries')::numeric, 3);
    priority := coalesce((task->>'priority')::numeric, 0);
    delay := coalesce((task->>'retry_delay')::numeric, 10);
    lifetime := (task->>'ttl_seconds')::numeric;
    time_limit := (task->>'timeout_seconds')::numeric;
    IF moment ~ iso_time THEN
        BEGIN
            due := CASE WHEN moment ~ '[Z+]|:.*-' THEN moment::timestamptz ELSE moment::timestamp AT TIME ZONE 'UTC' END;
        EXCEPTION WHEN datetime_field_overflow OR invalid_datetime_format OR invalid_time_zone_displacement_value THEN
            due := NULL;
        END;
    END IF;

    SELECT rule.field, rule.problem
      INTO wrong
      FROM (VALUES
            ('task_name', char_length(task->>'task_name') NOT BETWEEN 1 AND 255, 'must have 1 to 255 characters'),
            ('task_name', task->>'task_name' ~ unprintable OR btrim(task->>'task_name') = '',
             'must have printable characters only'),
            ('queue_name', char_length(queue) NOT BETWEEN 1 AND 255, 'must have 1 to 255 characters'),
            ('queue_name', queue ~ unprintable OR btrim(queue) = '', 'must have printable characters only'),
            ('module_path', char_length(task->>'module_path') > 1000 OR task->>'module_path' !~ dotted_name,
             'must be a dotted Python module name such as app.tasks'),
            ('max_retries', retries NOT BETWEEN 0 AND 100, 'must be between 0 and 100'),
            ('priority', priority NOT BETWEEN -2147483648 AND 2147483647, 'must be between -2147483648 and 2147483647'),
            ('retry_delay', delay NOT BETWEEN 0 AND ten_years,
             'must be a number of seconds between 0 and 315576000 (ten years)'),
            ('ttl_seconds', lifetime NOT BETWEEN 0 AND ten_years,
             'must be a number of seconds between 0 and 315576000 (ten years)'),
            ('timeout_seconds', time_limit NOT BETWEEN 0 AND ten_years,
             'must be a number of seconds between 0 and 315576000 (ten years)'),
            ('timeout_seconds', time_limit = 0, 'must be more than 0'),
            ('key', char_length(about) NOT BETWEEN 1 AND 255, 'must have 1 to 255 characters'),
            ('key', about ~ '[\u0001-\u001F\u007F-\u009F]', 'must not contain control characters'),
            ('limits', (SELECT count(*) FROM jsonb_object_keys(shares)) > 10, 'must have at most 10 limits'),
            ('webhook_url',
             char_length(address) > 2000 OR address ~ unprintable OR address LIKE '% %' OR address !~* web_address
             OR coalesce(nullif((regexp_match(address, web_address, 'i'))[1], ''), '1')::numeric NOT BETWEEN 1 AND 65535,
             'must be an http or https URL with a host, at most 2000 characters'),
            ('scheduled_at', moment IS NOT NULL AND due IS NULL,
             'must be an ISO 8601 time such as 2030-01-31T12:00:00Z'),
            ('scheduled_at', due NOT BETWEEN lapinq_now() - interval '36525 days' AND lapinq_now() + interval '36525 days',
             'must be within a hundred years from now'),
            ('args', jsonb_path_exists(arguments, too_deep), 'must not be nested more than 100 levels deep'),
            ('kwargs', jsonb_path_exists(keywords, too_deep), 'must not be nested more than 100 levels deep'),
            ('metadata', jsonb_path_exists(note, too_deep), 'must not be nested more than 100 levels deep'),
            ('args', jsonb_path_exists(arguments, too_large), 'must have numbers within range'),
            ('kwargs', jsonb_path_exists(keywords, too_large), 'must have numbers within range'),
            ('metadata', jsonb_path_exists(note, too_large), 'must have numbers within range')
           ) AS rule (field, is_broken, problem)
     WHERE rule.is_broken
     LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '%: %', wrong.field, wrong.problem USING ERRCODE = '22023', COLUMN = wrong.field;
    END IF;

    lane := lapinq_lane(about, shares);
    IF octet_length(queue) + octet_length(lane) > 2600 THEN
        RAISE EXCEPTION '%: %', CASE WHEN shares IS NULL THEN 'key' ELSE 'limits' END, 'must not be so long: its queue''s'
            ' name, its key and the names of its limits have more than 2600 bytes together'
            USING ERRCODE = '22023', COLUMN = CASE WHEN shares IS NULL THEN 'key' ELSE 'limits' END;
    END IF;
    IF shares IS NOT NULL THEN
        SELECT 'limits.' || given.name AS field, rule.problem
          INTO wrong
          FROM (SELECT one.key AS name, jsonb_typeof(one.value) AS kind, one.value::text LIKE '%.%' AS is_fraction,
                       CASE WHEN jsonb_typeof(one.value) = 'number' THEN (one.value#>>'{}')::numeric END AS units
                  FROM jsonb_each(shares) AS one) AS given
          LEFT JOIN lapinq_limits l ON l.name = given.name
         CROSS JOIN LATERAL (VALUES
               (1, given.name !~ '^[A-Za-z0-9_.:-]{1,100}$',
                'must be a name of 1 to 100 ASCII letters, digits, _ . : or -'),
               (2, given.units IS NULL OR given.is_fraction,
                'must be an integer, not ' || CASE given.kind WHEN 'string' THEN 'a string' WHEN 'array' THEN 'a list'
                    WHEN 'object' THEN 'an object' WHEN 'null' THEN 'null' WHEN 'boolean' THEN 'a boolean'
                    ELSE 'a decimal fraction' END),
               (3, given.units NOT BETWEEN 1 AND 1000000000000, 'must be between 1 and 1000000000000'),
               (4, l.name IS NULL, 'is not a limit that exists'),
               (5, given.units > (l.rate->>'burst')::numeric,
                format('must be at most %s, the burst of the limit''s rate: it could never start', l.rate->>'burst'))
               ) AS rule (number, is_broken, problem)
         WHERE rule.is_broken
         ORDER BY rule.number, given.name
         LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION '%: %', wrong.field, wrong.problem USING ERRCODE = '22023', COLUMN = wrong.field;
        END IF;
    END IF;

    new_id := lapinq_new_id();
    SELECT jsonb_object_agg(field.key, field.value)
           || jsonb_build_object('id', new_id, 'scheduled_at', due, 'limits', shares)
      INTO entry
      FROM jsonb_each(task) AS field
     WHERE field.value <> 'null';
    IF rule IS NOT NULL THEN
        met := lapinq_meet_unique_keys(json_build_array(entry))->0;
        CASE met->>1
            WHEN 'rejected' THEN
                RAISE EXCEPTION 'unique.key: the task % has it', met->>2
                    USING ERRCODE = '23505', COLUMN = 'unique.key', DETAIL = met->>2;
            WHEN 'existing' THEN
                RETURN met->>2;
            WHEN 'replaced' THEN
                PERFORM pg_notify('lapinq_ready', queue);
                RETURN met->>2;
            ELSE
                entry := entry || jsonb_build_object('scheduled_at', coalesce((met->>3)::timestamptz, due));
        END CASE;
    END IF;
    SELECT * INTO stored FROM lapinq_store_tasks(json_build_array(entry));
    IF stored.queues <> '{}' THEN
        PERFORM pg_notify('lapinq_ready', queue);
    ELSIF stored.due_in <= 1 THEN
        PERFORM pg_notify('lapinq_delayed', stored.due_in::text);
    END IF;
    IF lifetime = 0 AND lane IS NULL AND rule IS NULL THEN
        RETURN NULL;  -- fire and forget
    END IF;
    RETURN new_id;
END
$function$;

CREATE OR REPLACE FUNCTION lapinq_ensure_partitions(weeks_ahead integer)
 RETURNS integer
 LANGUAGE sql
AS $function$SELECT lapinq_ensure_partitions(weeks_ahead, true)$function$;

CREATE OR REPLACE FUNCTION lapinq_ensure_partitions(weeks_ahead integer, is_bounded boolean)
 RETURNS integer
 LANGUAGE plpgsql
 SET "TimeZone" TO 'UTC'
AS $function$
DECLARE
    made integer := 0;
    week timestamptz;
    lower_id uuid;
    upper_id uuid;
    missing text[];
    parent text;
    key text;
    partition text;
    rows bigint;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtext('lapinq_ensure_partitions')) THEN
        RETURN 0;
    END IF;
    IF is_bounded
       AND pg_relation_size('lapinq_tasks_default') + pg_relation_size('lapinq_attempts_default') > 64 * 1024 * 1024 THEN
        RETURN 0;
    END IF;
    <<weeks>>
    FOR n IN 0..weeks_ahead LOOP
        week := date_trunc('week', lapinq_now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' + n * interval '7 days';
        lower_id := (lpad(to_hex((extract(epoch FROM week) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid;
        upper_id := (lpad(to_hex((extract(epoch FROM week + interval '7 days') * 1000)::bigint), 12, '0')
                     || repeat('0', 20))::uuid;
        missing := ARRAY(SELECT p
                           FROM unnest(ARRAY['lapinq_tasks', 'lapinq_attempts']) AS p
                          WHERE to_regclass(p || to_char(week AT TIME ZONE 'UTC', '_YYYYMMDD')) IS NULL);
        IF is_bounded THEN
            FOREACH parent IN ARRAY missing LOOP
                key := CASE parent WHEN 'lapinq_tasks' THEN 'id' ELSE 'task_id' END;
                EXECUTE format('SELECT count(*) FROM (SELECT FROM %I WHERE %I >= $1 AND %I < $2 LIMIT 20001) AS few',
                               parent || '_default', key, key)
                   INTO rows
                  USING lower_id, upper_id;
                CONTINUE weeks WHEN rows > 20000;
            END LOOP;
        END IF;
        FOREACH parent IN ARRAY missing LOOP
            partition := parent || to_char(week AT TIME ZONE 'UTC', '_YYYYMMDD');
            key := CASE parent WHEN 'lapinq_tasks' THEN 'id' ELSE 'task_id' END;
            -- LIKE and ATTACH instead of PARTITION OF: the parent stays readable and writable meanwhile.
            EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', partition, parent);
            EXECUTE format('LOCK TABLE %I IN ACCESS EXCLUSIVE MODE', parent || '_default');
            EXECUTE format('WITH moved AS (DELETE FROM %I WHERE %I >= $1 AND %I < $2 RETURNING *) '
                           'INSERT INTO %I SELECT * FROM moved', parent || '_default', key, key, partition)
                USING lower_id, upper_id;
            EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                           parent, partition, lower_id, upper_id);
            made := made + 1;
        END LOOP;
    END LOOP;
    RETURN made;
END
$function$;

CREATE OR REPLACE FUNCTION lapinq_error_group(queue_name text, task_name text, error text, traceback text)
 RETURNS bigint
 LANGUAGE plpgsql
 STABLE PARALLEL SAFE COST 2000
AS $function$
DECLARE
    function_of bytea   := convert_to(queue_name, 'UTF8') || '\x00'::bytea || convert_to(task_name, 'UTF8') || '\x00'::bytea;
    line        text    := left(split_part(coalesce(error, ''), E'\n', 1), 300);
    begin_of    text    := split_part(line, ':', 1);
    error_type  text    := CASE WHEN begin_of ~ '^[A-Za-z_][A-Za-z0-9_.<>]*$' THEN begin_of ELSE '' END;
    place       text    := lapinq_error_place(traceback);
    holes       text    := $holes$[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}|(?<![0-9A-Za-z_])(?=[0-9a-fA-F]*[0-9])[0-9a-fA-F]*[a-fA-F][0-9a-fA-F]*(?![0-9A-Za-z_])|[0-9]+(?:[.,:][0-9]+)*$holes$;
    quotes      text    := $holes$(?<![0-9A-Za-z_])'[^']*'|(?<![0-9A-Za-z_])"[^"]*"|$holes$;
    names_code  boolean := split_part(error_type, '.', -1) IN (
                               'AttributeError', 'ImportError', 'KeyError', 'ModuleNotFoundError', 'NameError',
                               'TaskNotAllowed', 'TaskNotFound', 'UnboundLocalError');
    former      text    := regexp_replace(line, quotes || holes, '*', 'g');
    shape       text    := CASE WHEN place IS NOT NULL THEN error_type || E'\n' || place
                                WHEN names_code THEN regexp_replace(line, holes, '*', 'g')
                                ELSE former END;
BEGIN
    RETURN coalesce(
        lapinq_find_error_group(
            substring(sha256(function_of || convert_to(shape, 'UTF8')) FOR 16),
            substring(sha256(function_of || convert_to(former, 'UTF8')) FOR 16)),
        (SELECT g.id
           FROM lapinq_error_groups g
          WHERE g.fingerprint = substring(sha256(function_of || convert_to('(other errors)', 'UTF8')) FOR 16)));
END
$function$;

CREATE OR REPLACE FUNCTION lapinq_error_place(traceback text)
 RETURNS text
 LANGUAGE plpgsql
 IMMUTABLE PARALLEL SAFE COST 1000
AS $function$
DECLARE
    pieces text[] := string_to_array(traceback, 'File "');
    head   text;
    file   text;
    rest   text;
    frame  text;
    last   text;
    own    text[] := '{}';
BEGIN
    FOR n IN REVERSE coalesce(cardinality(pieces), 0)..2 LOOP
        head := split_part(pieces[n], E'\n', 1);
        file := split_part(head, '"', 1);
        rest := substr(head, length(file) + 2);
        CONTINUE WHEN NOT starts_with(rest, ', line ');
        file := replace(file, '\', '/');
        frame := split_part(file, '/', -1) || ' ' || split_part(rest, ', in ', 2) || ': '
                 || left(btrim(split_part(pieces[n], E'\n', 2), E' \t|'), 200);
        last := coalesce(last, frame);
        IF file NOT LIKE ALL (ARRAY[
               '%/lapinq\_core/%', '%/lapinq\_worker/%', '%/lapinq\_scheduler/%', '%/lapinq\_api/%', '%/lapinq\_migrations/%',
               '%/site-packages/%', '%/dist-packages/%', '%.egg/%', '<frozen %', '%/lib/python3%/%', '%/lib64/python3%/%',
               '%/lib/asyncio/%', '%/Lib/asyncio/%', '%/lib/concurrent/%', '%/Lib/concurrent/%', '%/lib/importlib/%',
               '%/Lib/importlib/%'])
           AND (file NOT LIKE '%/Python3%' OR file !~ '/Python3[0-9]+/[Ll]ib/') THEN
            own := own || frame;
        END IF;
        EXIT WHEN cardinality(own) = 2;
    END LOOP;
    RETURN coalesce(nullif(array_to_string(own, E'\n'), ''), last);
END
$function$;

CREATE OR REPLACE FUNCTION lapinq_expire_late(task_id uuid)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
BEGIN
    IF NOT EXISTS (SELECT FROM lapinq_ready w WHERE w.id = task_id AND w.expires_at <= lapinq_now())
       AND NOT EXISTS (SELECT FROM lapinq_delayed d WHERE d.id = task_id AND d.expires_at <= lapinq_now()) THEN
        RETURN;
    END IF;
    IF NOT lapinq_lock_waiting(task_id) THEN
        RETURN;
    END IF;
    WITH gone AS (
        DELETE FROM lapinq_ready w
         WHERE w.id = task_id
           AND w.expires_at <= lapinq_now()
        RETURNING w.queue_name, w.starts, w.lane
    ), gone_delayed AS (
        DELETE FROM lapinq_delayed d
         WHERE d.id = task_id
           AND d.expires_at <= lapinq_now()
        RETURNING d.queue_name, d.starts, d.lane
    ), ended AS (
        SELECT * FROM gone
        UNION ALL
        SELECT * FROM gone_delayed
    ), recorded AS (
        INSERT INTO lapinq_attempts (task_id, attempt, final, outcome, error, finished_at)
        SELECT lapinq_expire_late.task_id, starts, true, 'expired', 'its time to live ran out before it could start',
               lapinq_now()
          FROM ended
    ), told_lanes AS (
        INSERT INTO lapinq_lane_news (queue_name, lanes)
        SELECT queue_name, ARRAY[lane]
          FROM ended
         WHERE lane IS NOT NULL
    )
    INSERT INTO lapinq_counts (queue_name, pending, expired)
    SELECT queue_name, -1, 1
      FROM ended;
END
$function$;

CREATE OR REPLACE FUNCTION lapinq_filled_at_1(rate jsonb, tokens double precision, wanted double precision)
 RETURNS timestamp with time zone
 LANGUAGE sql
 STABLE PARALLEL SAFE
AS $function$
SELECT CASE WHEN tokens < wanted
            THEN lapinq_now() + least(3155760000, (wanted - tokens) * (rate ->> 'period_seconds')::float8
                                                  / (rate ->> 'limit')::float8) * interval '1 second' END
$function$;

CREATE OR REPLACE FUNCTION lapinq_find_error_group(fingerprint bytea, former bytea)
 RETURNS bigint
 LANGUAGE plpgsql
 STABLE PARALLEL SAFE
AS $function$
BEGIN
    RETURN coalesce(
        (SELECT g.id
           FROM lapinq_error_groups g
          WHERE g.fingerprint = former
            AND former <> lapinq_find_error_group.fingerprint
            AND g.state = 'muted'
            AND (g.muted_until IS NULL OR g.muted_until > lapinq_now())),
        (SELECT m.group_id FROM lapinq_error_merges m WHERE m.fingerprint = lapinq_find_error_group.fingerprint),
        (SELECT g.id FROM lapinq_error_groups g WHERE g.fingerprint = lapinq_find_error_group.fingerprint),
        (SELECT m.group_id FROM lapinq_error_merges m WHERE m.fingerprint = former),
        (SELECT g.id FROM lapinq_error_groups g WHERE g.fingerprint = former));
END
$function$;

CREATE OR REPLACE FUNCTION lapinq_head_of_key_1(queue text, of_key text, holder uuid, OUT lane text, OUT id uuid, OUT seq bigint)
 RETURNS record
 LANGUAGE plpgsql
 STABLE
AS $function$
DECLARE
    first record;
BEGIN
    SELECT r.lane, r.id, r.seq INTO lane, id, seq
      FROM lapinq_ready r
     WHERE r.id = holder
       AND r.queue_name = queue
       AND split_part(r.lane, chr(31), 1) = of_key
       AND (r.expires_at IS NULL OR r.expires_at > lapinq_now());
    IF FOUND
       OR EXISTS (SELECT
                    FROM lapinq_delayed d
                   WHERE d.id = holder
                     AND split_part(d.lane, chr(31), 1) = of_key
                     AND (d.expires_at IS NULL OR d.expires_at > lapinq_now())) THEN
        RETURN;
    END IF;
    -- The first of each lane and rank is the oldest of these.
    SELECT r.lane, r.rank, r.id, r.seq INTO first
      FROM lapinq_ready r
     WHERE r.queue_name = queue
       AND r.lane >= of_key
       AND r.lane < of_key || ' '
       AND (r.expires_at IS NULL OR r.expires_at > lapinq_now())
     ORDER BY r.queue_name, r.lane, r.rank, r.seq
     LIMIT 1;
    WHILE first.id IS NOT NULL LOOP
        IF seq IS NULL OR first.seq < seq THEN
            lane := first.lane;
            id := first.id;
            seq := first.seq;
        END IF;
        SELECT r.lane, r.rank, r.id, r.seq INTO first
          FROM lapinq_ready r
         WHERE r.queue_name = queue
           AND (r.lane, r.rank) > (first.lane, first.rank)
           AND r.lane < of_key || ' '
           AND (r.expires_at IS NULL OR r.expires_at > lapinq_now())
         ORDER BY r.queue_name, r.lane, r.rank, r.seq
         LIMIT 1;
    END LOOP;
END
$function$;

CREATE OR REPLACE FUNCTION lapinq_hold_child_1(child uuid)
 RETURNS boolean
 LANGUAGE plpgsql
AS $function$
BEGIN
    IF NOT lapinq_in_workflow(child) OR EXISTS (SELECT FROM lapinq_workflow_tasks m WHERE m.task_id = child) THEN
        RETURN false;
    END IF;
    PERFORM FROM lapinq_running WHERE id = child FOR NO KEY UPDATE SKIP LOCKED;
    IF FOUND THEN
        UPDATE lapinq_running SET deadline_at = deadline_at WHERE id = child;
        RETURN true;
    END IF;
    PERFORM FROM lapinq_ready WHERE id = child FOR NO KEY UPDATE SKIP LOCKED;
    IF FOUND THEN
        UPDATE lapinq_ready SET expires_at = expires_at WHERE id = child AND expires_at IS NOT NULL;
        RETURN true;
    END IF;
    PERFORM FROM lapinq_delayed WHERE id = child FOR NO KEY UPDATE SKIP LOCKED;
    IF FOUND THEN
        UPDATE lapinq_delayed SET expires_at = expires_at WHERE id = child AND expires_at IS NOT NULL;
        RETURN true;
    END IF;
    RETURN false;
END
$function$;

CREATE OR REPLACE FUNCTION lapinq_holds_key(task_id uuid, until text, expires_at timestamp with time zone)
 RETURNS boolean
 LANGUAGE plpgsql
AS $function$
BEGIN
    IF until IS NULL THEN
        RETURN lapinq_holds_key.expires_at > lapinq_now();
    END IF;
    -- One statement, because between two of them a task may move from one place to another.
    IF NOT (EXISTS (SELECT FROM lapinq_ready w WHERE w.id = task_id AND (until = 'finished' OR w.starts = 0))
            OR EXISTS (SELECT FROM lapinq_delayed d WHERE d.id = task_id AND (until = 'finished' OR d.starts = 0))
            OR until = 'finished' AND EXISTS (SELECT FROM lapinq_running r WHERE r.id = task_id)) THEN
        RETURN false;
    END IF;
    IF current_setting('transaction_isolation') = 'read committed' THEN
        RETURN true;
    END IF;
    BEGIN
        PERFORM FROM lapinq_ready w WHERE w.id = task_id FOR KEY SHARE SKIP LOCKED;
        PERFORM FROM lapinq_delayed d WHERE d.id = task_id FOR KEY SHARE SKIP LOCKED;
        PERFORM FROM lapinq_running r WHERE r.id = task_id FOR KEY SHARE SKIP LOCKED;
        RAISE SQLSTATE 'LQ000';  -- rolls back to BEGIN, which gives the locks back
    EXCEPTION WHEN SQLSTATE 'LQ000' THEN
        RETURN true;
    END;
END
$function$;

CREATE OR REPLACE FUNCTION lapinq_in_workflow(id uuid)
 RETURNS boolean
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$
SELECT get_byte(uuid_send(id), 6) & 240 = 128
$function$;

CREATE OR REPLACE FUNCTION lapinq_is_past_1(fence bigint, since timestamp with time zone)
 RETURNS boolean
 LANGUAGE sql
AS $function$
SELECT fence BETWEEN 0 AND pg_snapshot_xmin(pg_current_snapshot())::text::bigint
       OR since < lapinq_now() - interval '30 seconds'
$function$;

CREATE OR REPLACE FUNCTION lapinq_is_too_large_1(names text, units bigint[], limits lapinq_limits[])
 RETURNS boolean
 LANGUAGE sql
 STABLE
AS $function$
SELECT EXISTS (SELECT
                 FROM unnest(string_to_array(names, ','), units) AS need (name, units)
                 JOIN unnest(limits) AS l ON l.name = need.name
                WHERE need.units > (l.rate ->> 'burst')::float8)
$function$;

CREATE OR REPLACE FUNCTION lapinq_keep_released()
 RETURNS trigger
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
DECLARE
    kept CONSTANT integer := 100;
BEGIN
    WITH earlier AS MATERIALIZED (
        SELECT a.ctid AS row_id, a.left_out, row_number() OVER (ORDER BY a.finished_at DESC) AS place
          FROM lapinq_attempts a
         WHERE a.task_id = NEW.task_id
           AND NOT a.final
           AND a.outcome = 'released'
    ), gone AS (
        DELETE FROM lapinq_attempts a
         WHERE a.task_id = NEW.task_id
           AND NOT a.final
           AND a.ctid = ANY (ARRAY(SELECT row_id FROM earlier WHERE place >= kept))
        RETURNING 1
    )
    SELECT nullif(coalesce(max(left_out), 0) + (SELECT count(*) FROM gone), 0) INTO NEW.left_out FROM earlier;
    RETURN NEW;
END
$function$;

CREATE OR REPLACE FUNCTION lapinq_key_now_1(q lapinq_queues, of_key text)
 RETURNS TABLE(blocked_by text, until timestamp with time zone, running bigint, holder uuid, tokens double precision)
 LANGUAGE sql
 STABLE ROWS 1
AS $function$
SELECT rule.blocked_by,
       CASE rule.blocked_by WHEN 'key_order' THEN CASE WHEN runs.tasks = 0 AND k.parked_for IS NULL THEN k.due_at END
                            WHEN 'key_rate' THEN lapinq_filled_at_1(q.rate_per_key, bucket.tokens, 1) END,
       runs.tasks, CASE WHEN rule.blocked_by = 'key_order' AND k.due_at IS NOT NULL THEN k.holder END, bucket.tokens
  FROM (SELECT count(*) AS tasks
          FROM lapinq_running r
         WHERE r.queue_name = q.name
           AND split_part(r.lane, chr(31), 1) = of_key
           AND r.lane IS NOT NULL) AS runs
  LEFT JOIN LATERAL (
       SELECT x.holder, x.tokens, x.tokens_at, d.due_at, d.parked_for
         FROM lapinq_keys x
         LEFT JOIN LATERAL (
              SELECT y.due_at, y.parked_for
                FROM lapinq_delayed y
               WHERE y.id = x.holder
                 AND split_part(y.lane, chr(31), 1) = x.key -- a task may be replaced by one of another key
               LIMIT 1) AS d ON true
        WHERE x.queue_name = q.name
          AND x.key = of_key
        LIMIT 1) AS k ON true
 CROSS JOIN LATERAL (
       SELECT lapinq_tokens(q.rate_per_key,
                            CASE WHEN lapinq_tokens(q.rate_per_key, k.tokens, k.tokens_at) < 1
                                 THEN k.tokens + lapinq_returned_1(q.name, of_key)
                                 ELSE k.tokens END,
                            k.tokens_at) AS tokens) AS bucket
 CROSS JOIN LATERAL (
       SELECT CASE WHEN q.start_order = 'strict_per_key' AND (runs.tasks > 0 OR k.due_at IS NOT NULL) THEN 'key_order'
                   WHEN runs.tasks >= q.max_running_per_key THEN 'key_full'
                   WHEN bucket.tokens < 1 THEN 'key_rate' END AS blocked_by) AS rule
 WHERE of_key > ''
$function$;

CREATE OR REPLACE FUNCTION lapinq_keyed(tasks json)
 RETURNS TABLE(number integer, id uuid, queue_name text, scheduled_at timestamp with time zone, key text, until text, seconds double precision, on_conflict text, delay double precision, max_wait double precision, task json)
 LANGUAGE sql
 STABLE
AS $function$
    SELECT (given.ordinality - 1)::integer,
           (given.value->>'id')::uuid,
           coalesce(given.value->>'queue_name', 'default'),
           (given.value->>'scheduled_at')::timestamptz,
           rule.value->>'key',
           CASE WHEN rule.is_debounce THEN 'started'
                WHEN json_typeof(rule.value->'until') = 'number' THEN NULL
                ELSE coalesce(rule.value->>'until', 'finished') END,
           CASE WHEN json_typeof(rule.value->'until') = 'number' THEN (rule.value->>'until')::double precision END,
           CASE WHEN rule.is_debounce THEN 'replace' ELSE coalesce(rule.value->>'on_conflict', 'return') END,
           CASE WHEN rule.is_debounce THEN (rule.value->>'delay')::double precision END,
           CASE WHEN rule.is_debounce THEN (rule.value->>'max_wait')::double precision END,
           given.value
      FROM json_array_elements(tasks) WITH ORDINALITY AS given
     CROSS JOIN LATERAL (
           VALUES (given.value->'unique', false), (given.value->'debounce', true)
           ) AS rule (value, is_debounce)
     WHERE rule.value IS NOT NULL
       AND json_typeof(rule.value) = 'object'
$function$;

CREATE OR REPLACE FUNCTION lapinq_lane(key text, limits jsonb)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$
SELECT CASE WHEN limits IS NULL OR limits = '{}'
            THEN key
            ELSE coalesce(key, '') || chr(31)
                 || (SELECT string_agg(name, ',' ORDER BY name COLLATE "C") FROM jsonb_object_keys(limits) AS name)
       END
$function$;

CREATE OR REPLACE FUNCTION lapinq_limits_now_1()
 RETURNS TABLE(name text, max_running integer, rate jsonb, created_at timestamp with time zone, blocked_by text, closed_until timestamp with time zone, running bigint, queues text[], tokens double precision, reserved_by text, reserved double precision, reserved_places integer)
 LANGUAGE sql
 STABLE ROWS 10
AS $function$
SELECT l.name, l.max_running, l.rate, l.created_at,
       CASE WHEN news.closed_until > lapinq_now() THEN 'limit_closed' WHEN r.tasks >= l.max_running THEN 'limit_full' END,
       CASE WHEN news.closed_until > lapinq_now() THEN news.closed_until END,
       coalesce(r.tasks, 0), r.queues,
       lapinq_tokens(l.rate, coalesce(l.tokens, (l.rate ->> 'burst')::float8) + coalesce(news.units, 0), l.tokens_at),
       CASE WHEN l.reserved_until > lapinq_now() THEN l.reserved_by END, l.reserved_units,
       lapinq_places_reserved(l)
  FROM lapinq_limits l
  LEFT JOIN (SELECT one.name, count(*) AS tasks, array_agg(DISTINCT x.queue_name) AS queues
               FROM lapinq_running x
              CROSS JOIN LATERAL unnest(string_to_array(split_part(x.lane, chr(31), 2), ',')) AS one (name)
              WHERE x.units IS NOT NULL
              GROUP BY one.name) AS r ON r.name = l.name
 CROSS JOIN LATERAL (
       SELECT sum(few.units) AS units, greatest(l.closed_until, max(few.closed_until)) AS closed_until
         FROM (SELECT n.units, n.closed_until
                 FROM lapinq_limit_news n
                WHERE n.limit_name = l.name
                ORDER BY n.limit_name, n.seq
                LIMIT 1000) AS few) AS news
$function$;

CREATE OR REPLACE FUNCTION lapinq_limits_without_room_1(queue text)
 RETURNS text[]
 LANGUAGE sql
 STABLE
 SET enable_hashjoin TO 'on'
AS $function$
SELECT coalesce(array_agg(l.name), '{}')
  FROM lapinq_limits l
  LEFT JOIN (SELECT one.name, count(*) AS tasks
               FROM lapinq_running r
              CROSS JOIN LATERAL unnest(string_to_array(split_part(r.lane, chr(31), 2), ',')) AS one (name)
              WHERE r.units IS NOT NULL
              GROUP BY one.name) AS running USING (name)
 WHERE (l.closed_until > lapinq_now()
        OR l.max_running <= coalesce(running.tasks, 0)
        OR lapinq_tokens(l.rate, l.tokens, l.tokens_at)
           < CASE WHEN l.reserved_until <= lapinq_now() OR l.reserved_by IS NULL THEN 1
                  WHEN l.reserved_by <> queue THEN 1 + l.reserved_units
                  WHEN l.reserved_until > lapinq_now() + interval '15 seconds' THEN l.reserved_units
                  ELSE 0 END)
   AND NOT EXISTS (SELECT FROM lapinq_limit_news n WHERE n.limit_name = l.name)
$function$;

CREATE OR REPLACE FUNCTION lapinq_limits_without_room_2(queue text)
 RETURNS text[]
 LANGUAGE sql
 STABLE
 SET enable_hashjoin TO 'on'
AS $function$
SELECT coalesce(array_agg(l.name), '{}')
  FROM lapinq_limits l
  LEFT JOIN (SELECT one.name, count(*) AS tasks, bool_or(r.queue_name <> queue) AS by_others
               FROM lapinq_running r
              CROSS JOIN LATERAL unnest(string_to_array(split_part(r.lane, chr(31), 2), ',')) AS one (name)
              WHERE r.units IS NOT NULL
              GROUP BY one.name) AS running USING (name)
 WHERE (l.closed_until > lapinq_now()
        OR l.max_running <= coalesce(running.tasks, 0)
           AND NOT (running.by_others AND (l.reserved_by IS NULL OR l.reserved_until <= lapinq_now()))
        OR l.reserved_by <> queue
           AND l.max_running <= coalesce(running.tasks, 0) + lapinq_places_reserved(l)
        OR lapinq_tokens(l.rate, l.tokens, l.tokens_at)
           < CASE WHEN l.reserved_until <= lapinq_now() OR l.reserved_by IS NULL THEN 1
                  WHEN l.reserved_by <> queue THEN 1 + l.reserved_units
                  WHEN l.reserved_until > lapinq_now() + interval '15 seconds' THEN l.reserved_units
                  ELSE 0 END)
   AND NOT EXISTS (SELECT FROM lapinq_limit_news n WHERE n.limit_name = l.name)
$function$;

CREATE OR REPLACE FUNCTION lapinq_limits_without_room_3(queue text, sets text[])
 RETURNS text[]
 LANGUAGE sql
 STABLE
 SET enable_hashjoin TO 'on'
AS $function$
WITH limits AS (
    SELECT newest.*
      FROM (SELECT DISTINCT one.name
              FROM unnest(sets) AS s (names)
             CROSS JOIN LATERAL unnest(string_to_array(s.names, ',')) AS one (name)) AS n
     CROSS JOIN LATERAL (
           SELECT *
             FROM lapinq_limits x
            WHERE x.name BETWEEN n.name AND n.name
            ORDER BY x.name DESC
            LIMIT 1) AS newest
     WHERE cardinality(sets) <= 50
     UNION ALL
    SELECT x.*
      FROM lapinq_limits x
     WHERE cardinality(sets) > 50
)
SELECT coalesce(array_agg(l.name), '{}')
  FROM limits l
  LEFT JOIN (SELECT one.name, count(*) AS tasks, bool_or(r.queue_name <> queue) AS by_others
               FROM lapinq_running r
              CROSS JOIN LATERAL unnest(string_to_array(split_part(r.lane, chr(31), 2), ',')) AS one (name)
              WHERE r.units IS NOT NULL
              GROUP BY one.name) AS running USING (name)
 WHERE (l.closed_until > lapinq_now()
        OR l.max_running <= coalesce(running.tasks, 0)
           AND NOT (running.by_others AND (l.reserved_by IS NULL OR l.reserved_until <= lapinq_now()))
        OR l.reserved_by <> queue
           AND l.max_running <= coalesce(running.tasks, 0) + lapinq_places_reserved(l)
        OR lapinq_tokens(l.rate, l.tokens, l.tokens_at)
           < CASE WHEN l.reserved_until <= lapinq_now() OR l.reserved_by IS NULL THEN 1
                  WHEN l.reserved_by <> queue THEN 1 + l.reserved_units
                  WHEN l.reserved_until > lapinq_now() + interval '15 seconds' THEN l.reserved_units
                  ELSE 0 END)
   AND NOT EXISTS (SELECT FROM lapinq_limit_news n WHERE n.limit_name = l.name)
$function$;

CREATE OR REPLACE FUNCTION lapinq_lock_limits_1(queue text, names text[])
 RETURNS SETOF lapinq_limits
 LANGUAGE plpgsql
AS $function$
DECLARE
    unlimited CONSTANT integer := 2147483647;
    a_moment CONSTANT timestamptz := lapinq_now() + (5 + 10 * random()) * interval '1 millisecond';
    l lapinq_limits;
    locked lapinq_limits[] := '{}';
    taken jsonb;
BEGIN
    FOR l IN
        SELECT x.*
          FROM unnest(names) AS n (name)
         CROSS JOIN LATERAL (
               SELECT y.ctid AS row_id
                 FROM lapinq_limits y
                WHERE y.name BETWEEN n.name AND n.name
                ORDER BY y.name DESC
                LIMIT 1) AS newest
          JOIN lapinq_limits x ON x.ctid = newest.row_id
           FOR NO KEY UPDATE OF x SKIP LOCKED
    LOOP
        IF EXISTS (SELECT FROM lapinq_limit_news n WHERE n.limit_name = l.name) THEN
            WITH news AS (
                DELETE FROM lapinq_limit_news
                 WHERE ctid = ANY (ARRAY(SELECT n.ctid
                                           FROM lapinq_limit_news n
                                          WHERE n.limit_name = l.name
                                          ORDER BY n.limit_name, n.seq
                                          LIMIT 1000))
                RETURNING lapinq_limit_news.units, lapinq_limit_news.closed_until
            )
            UPDATE lapinq_limits x
               SET tokens = coalesce(x.tokens, (x.rate ->> 'burst')::float8) + n.units,
                   closed_until = greatest(x.closed_until, n.closed_until)
              FROM (SELECT sum(n.units) AS units, max(n.closed_until) AS closed_until FROM news n) AS n
             WHERE x.ctid = (SELECT y.ctid
                               FROM lapinq_limits y
                              WHERE y.name BETWEEN l.name AND l.name
                              ORDER BY y.name DESC
                              LIMIT 1)
            RETURNING x.* INTO l;
        END IF;
        IF l.fence IS NOT NULL AND lapinq_is_past_1(l.fence, l.created_at) THEN
            UPDATE lapinq_limits x SET fence = NULL WHERE x.name = l.name RETURNING x.* INTO l;
        END IF;
        locked := locked || l;
    END LOOP;
    -- Counted after the lock: what the claim before started is among them.
    SELECT jsonb_object_agg(r.name, r.tasks)
      INTO taken
      FROM (SELECT one.name, count(*) AS tasks
              FROM lapinq_running x
             CROSS JOIN LATERAL unnest(string_to_array(split_part(x.lane, chr(31), 2), ',')) AS one (name)
             WHERE x.units IS NOT NULL
               AND one.name = ANY (names)
             GROUP BY one.name) AS r;
    FOREACH l IN ARRAY locked LOOP
        l.max_running := coalesce(l.max_running - coalesce((taken ->> l.name)::integer, 0), unlimited);
        l.tokens := coalesce(lapinq_tokens(l.rate, l.tokens, l.tokens_at), 'infinity');
        IF l.reserved_by <> queue AND l.reserved_until > lapinq_now() THEN
            l.tokens := l.tokens - l.reserved_units;
            l.max_running := l.max_running - lapinq_places_reserved(l);
        END IF;
        IF l.fence IS NOT NULL THEN
            l.closed_until := greatest(l.closed_until, a_moment);
        END IF;
        RETURN NEXT l;
    END LOOP;
    IF cardinality(locked) < cardinality(names) THEN
        FOR l IN
            SELECT newest.*
              FROM unnest(names) AS n (name)
             CROSS JOIN LATERAL (
                   SELECT *
                     FROM lapinq_limits x
                    WHERE x.name BETWEEN n.name AND n.name
                    ORDER BY x.name DESC
                    LIMIT 1) AS newest
             WHERE n.name <> ALL (ARRAY(SELECT name FROM unnest(locked)))
        LOOP
            l.closed_until := a_moment;
            l.created_at := NULL;
            RETURN NEXT l;
        END LOOP;
    END IF;
END
$function$;

CREATE OR REPLACE FUNCTION lapinq_lock_waiting(task_id uuid)
 RETURNS boolean
 LANGUAGE plpgsql
AS $function$
BEGIN
    -- First without a lock: who requeues many tasks locks ended ones, and then waits for their keys.
    IF NOT EXISTS (SELECT FROM lapinq_ready w WHERE w.id = task_id)
       AND NOT EXISTS (SELECT FROM lapinq_delayed d WHERE d.id = task_id) THEN
        RETURN false;
    END IF;
    PERFORM FROM lapinq_tasks t WHERE t.id = task_id FOR NO KEY UPDATE;
    PERFORM FROM lapinq_delayed d WHERE d.id = task_id FOR UPDATE;
    IF FOUND THEN
        RETURN true;
    END IF;
    PERFORM FROM lapinq_ready w WHERE w.id = task_id FOR UPDATE;
    RETURN FOUND;
END
$function$;

CREATE OR REPLACE FUNCTION lapinq_lock_week(week text)
 RETURNS bigint
 LANGUAGE plpgsql
AS $function$
DECLARE
    tasks text := 'lapinq_tasks_' || week;
    attempts text := 'lapinq_attempts_' || week;
    changes text := 'lapinq_changes_' || week;
    part text;
    number bigint;
BEGIN
    EXECUTE format('LOCK TABLE %I, %I IN SHARE ROW EXCLUSIVE MODE', tasks, attempts);
    IF (SELECT count(*) < 2
          FROM pg_trigger
         WHERE tgrelid IN (tasks::regclass, attempts::regclass) AND tgname = 'lapinq_changed') THEN
        EXECUTE format('CREATE SEQUENCE IF NOT EXISTS %I OWNED BY %I.id', changes, tasks);
        FOREACH part IN ARRAY ARRAY[tasks, attempts] LOOP
            EXECUTE format('CREATE OR REPLACE TRIGGER lapinq_changed AFTER INSERT OR UPDATE OR DELETE ON %I'
                           ' FOR EACH ROW EXECUTE FUNCTION lapinq_note_change()', part);
        END LOOP;
    END IF;
    EXECUTE format('SELECT last_value + is_called::integer FROM %I', changes) INTO number;
    RETURN number;
END
$function$;

CREATE OR REPLACE FUNCTION lapinq_look_at_lanes_1(q lapinq_queues, told text[], with_others boolean)
 RETURNS integer
 LANGUAGE plpgsql
AS $function$
DECLARE
    is_fair CONSTANT boolean := q.start_order = 'fair';
    is_strict CONSTANT boolean := q.start_order = 'strict_per_key';
    most CONSTANT integer := least(q.max_running_per_key, CASE WHEN is_strict THEN 1 END); -- of a key
    longest_wait CONSTANT float8 := 3155760000; -- seconds, a hundred years: more overflows a time
    a_lane text;
    of_key text;
    its_names text;
    first record;
    k lapinq_keys;
    head_lane text;
    head_id uuid;
    head_seq bigint;
    l lapinq_lanes;
    may_start boolean;
    changed integer := 0;
    opens_in float8;
    shift float8;
    its_rank bigint;
    its_place float8;
    its_head uuid;
    its_time timestamptz;
BEGIN
    IF with_others THEN
        told := ARRAY(SELECT lane
                        FROM unnest(told) AS lane
                       UNION
                      SELECT other.lane
                        FROM unnest(told) AS one (lane)
                       CROSS JOIN LATERAL (
                             SELECT o.lane
                               FROM lapinq_lanes o
                              WHERE o.queue_name = q.name
                                AND o.lane >= split_part(one.lane, chr(31), 1)
                                AND o.lane < split_part(one.lane, chr(31), 1) || ' '
                              ORDER BY o.queue_name, o.lane
                              LIMIT 1000) AS other
                       WHERE one.lane >= ' ' -- tasks without a key share nothing
                       ORDER BY lane);
    END IF;
    FOREACH a_lane IN ARRAY told LOOP
        of_key := split_part(a_lane, chr(31), 1);
        its_names := split_part(a_lane, chr(31), 2);
        SELECT * INTO l FROM lapinq_lanes x WHERE x.queue_name = q.name AND x.lane = a_lane;
        SELECT r.id, r.rank, r.seq INTO first
          FROM lapinq_ready r
         WHERE r.queue_name = q.name
           AND r.lane BETWEEN a_lane AND a_lane
           AND (r.expires_at IS NULL OR r.expires_at > lapinq_now())
         ORDER BY r.queue_name, r.lane, r.rank, r.seq
         LIMIT 1;
        may_start := first.id IS NOT NULL;
        opens_in := CASE WHEN NOT may_start AND (SELECT true
                                                       FROM lapinq_ready r
                                                      WHERE r.queue_name = q.name
                                                        AND r.lane BETWEEN a_lane AND a_lane
                                                      ORDER BY r.queue_name, r.lane, r.rank, r.seq
                                                      LIMIT 1)
                         THEN 1 END; -- Only those past their time to live wait.
        IF k.key IS DISTINCT FROM of_key THEN
            k := NULL;
        END IF;
        IF of_key > '' AND may_start THEN
            IF most IS NOT NULL THEN
                may_start := most > (SELECT count(*)
                                       FROM lapinq_running r
                                      WHERE r.queue_name = q.name
                                        AND split_part(r.lane, chr(31), 1) = of_key
                                        AND r.lane IS NOT NULL);
            END IF;
            IF may_start AND (is_fair OR is_strict OR q.rate_per_key IS NOT NULL) AND k.key IS DISTINCT FROM of_key THEN
                SELECT * INTO k FROM lapinq_keys x WHERE x.queue_name = q.name AND x.key = of_key;
                IF is_strict THEN
                    SELECT h.lane, h.id, h.seq INTO head_lane, head_id, head_seq FROM lapinq_head_of_key_1(q.name, of_key, k.holder) h;
                END IF;
                k.key := of_key;
            END IF;
            IF is_strict THEN
                may_start := may_start AND head_lane IS NOT DISTINCT FROM a_lane;
            END IF;
            IF may_start AND q.rate_per_key IS NOT NULL THEN
                opens_in := (1 - lapinq_tokens(q.rate_per_key, k.tokens, k.tokens_at))
                            * (q.rate_per_key ->> 'period_seconds')::float8 / (q.rate_per_key ->> 'limit')::float8;
                may_start := opens_in <= 0;
            END IF;
        END IF;
        IF is_fair THEN
            shift := CASE WHEN its_names > '' THEN greatest(0, (q.lane_shifts ->> its_names)::float8) ELSE 0 END;
            IF its_names > '' AND with_others THEN
                shift := greatest(shift, q.virtual_time - (SELECT x.place
                                                             FROM lapinq_lanes x
                                                            WHERE x.queue_name = q.name
                                                              AND x.is_open
                                                              AND x.names = its_names
                                                            ORDER BY x.queue_name, x.names, x.rank, x.place
                                                            LIMIT 1));
            END IF;
            its_place := greatest(k.virtual_time, q.virtual_time) - shift;
            IF l.is_open AND may_start THEN
                its_place := greatest(least(l.place, its_place), k.virtual_time - shift);
            END IF;
        ELSE
            its_place := CASE WHEN is_strict AND of_key > '' THEN head_seq ELSE first.seq END;
        END IF;
        its_time := CASE WHEN opens_in > 0 THEN lapinq_now() + least(opens_in, longest_wait) * interval '1 second' END;
        its_rank := CASE WHEN q.start_order = 'priority' THEN coalesce(first.rank, l.rank, 0) ELSE 0 END;
        its_place := coalesce(its_place, l.place, 0);
        its_head := CASE WHEN is_strict AND of_key > '' AND may_start THEN head_id END;
        IF l.lane IS NULL THEN
            INSERT INTO lapinq_lanes (queue_name, lane, names, is_open, rank, place, head, opens_at, changed_at)
            VALUES (q.name, a_lane, its_names, may_start, its_rank, its_place, its_head, its_time, lapinq_now());
            changed := changed + 1;
        ELSIF (l.is_open, l.rank, l.place, l.head, l.opens_at) IS DISTINCT FROM (may_start, its_rank, its_place, its_head, its_time) THEN
            UPDATE lapinq_lanes x
               SET is_open = may_start,
                   rank = its_rank,
                   place = its_place,
                   head = its_head,
                   opens_at = its_time,
                   changed_at = lapinq_now()
             WHERE x.queue_name = q.name
               AND x.lane = a_lane;
            changed := changed + 1;
        END IF;
    END LOOP;
    RETURN changed;
END
$function$;

CREATE OR REPLACE FUNCTION lapinq_may_requeue(task_id uuid)
 RETURNS boolean
 LANGUAGE plpgsql
AS $function$
BEGIN
    RETURN lapinq_retake_unique_key(task_id, 20) IS NULL;
EXCEPTION WHEN lock_not_available THEN
    RETURN false;
END
$function$;

CREATE OR REPLACE FUNCTION lapinq_meet_unique_keys(tasks json, wait_ms integer DEFAULT NULL::integer)
 RETURNS json
 LANGUAGE plpgsql
AS $function$
DECLARE
    entry record;
    held record;
    moment CONSTANT timestamptz := lapinq_now();
    former_wait text;
    may_replace boolean;
    is_waiting boolean;
    is_held boolean;
    due timestamptz;
    outcome text;
    own uuid[] := '{}';
    met json[] := '{}';
BEGIN
    IF wait_ms IS NOT NULL THEN
        former_wait := current_setting('lock_timeout');
        PERFORM set_config('lock_timeout', wait_ms::text, true);
    END IF;
    INSERT INTO lapinq_unique_keys AS k (queue_name, key, task_id, until, expires_at, first_at, taken_at)
    SELECT DISTINCT ON (n.queue_name COLLATE "C", n.key COLLATE "C")
           n.queue_name, n.key, n.id, n.until, moment + n.seconds * interval '1 second',
           CASE WHEN n.delay IS NOT NULL THEN moment END, moment
      FROM lapinq_keyed(tasks) AS n
     ORDER BY n.queue_name COLLATE "C", n.key COLLATE "C", n.number
        ON CONFLICT (queue_name, key) DO UPDATE  -- locks it, and changes nothing
       SET taken_at = k.taken_at
     WHERE false;

    FOR entry IN SELECT * FROM lapinq_keyed(tasks) AS n ORDER BY n.number LOOP
        SELECT * INTO STRICT held
          FROM lapinq_unique_keys k
         WHERE k.queue_name = entry.queue_name
           AND k.key = entry.key
         ORDER BY k.taken_at DESC  -- an old snapshot has both the new row and one that clean-up has deleted since
         LIMIT 1;
        is_waiting := false;
        due := CASE WHEN entry.delay IS NOT NULL THEN moment + entry.delay * interval '1 second'
                    ELSE entry.scheduled_at END;
        IF held.task_id = entry.id OR held.task_id = ANY (own) THEN
            is_held := held.task_id <> entry.id;
        ELSE
            may_replace := entry.on_conflict = 'replace' AND NOT lapinq_in_workflow(held.task_id);
            PERFORM lapinq_expire_late(held.task_id);
            FOR look IN 1..10 LOOP
                is_waiting := may_replace AND lapinq_lock_waiting(held.task_id);
                is_held := lapinq_holds_key(held.task_id, held.until, held.expires_at);
                -- Snoozed between the two: it waits, and has not started. The new arguments must not be lost.
                EXIT WHEN is_waiting OR NOT is_held OR NOT may_replace
                       OR held.until IS DISTINCT FROM 'started';
                IF look = 10 THEN
                    RAISE lock_not_available USING MESSAGE = 'the task with the unique key starts again and again';
                END IF;
            END LOOP;
        END IF;

        IF NOT is_held THEN
            outcome := 'stored';
            own := own || entry.id;
            IF held.task_id <> entry.id THEN
                UPDATE lapinq_unique_keys k
                   SET task_id = entry.id,
                       until = entry.until,
                       expires_at = moment + entry.seconds * interval '1 second',
                       first_at = CASE WHEN entry.delay IS NOT NULL THEN moment END,
                       taken_at = moment
                 WHERE k.queue_name = entry.queue_name
                   AND k.key = entry.key;
            END IF;
        ELSIF entry.on_conflict = 'replace' AND (is_waiting OR held.task_id = ANY (own)) THEN
            outcome := 'replaced';
            IF entry.delay IS NOT NULL THEN
                due := least(due, coalesce(held.first_at, moment) + entry.max_wait * interval '1 second');
                IF held.first_at IS NULL THEN
                    UPDATE lapinq_unique_keys k
                       SET first_at = moment
                     WHERE k.queue_name = entry.queue_name
                       AND k.key = entry.key;
                END IF;
            END IF;
            IF is_waiting THEN
                PERFORM lapinq_replace_waiting(held.task_id, entry.task, due);
            END IF;
        ELSE
            outcome := CASE entry.on_conflict WHEN 'reject' THEN 'rejected' ELSE 'existing' END;
        END IF;
        met := met || json_build_array(entry.number, outcome,
                                       CASE WHEN is_held THEN held.task_id ELSE entry.id END,
                                       CASE WHEN entry.delay IS NOT NULL THEN due END);
        EXIT WHEN outcome = 'rejected';
    END LOOP;
    IF wait_ms IS NOT NULL THEN
        PERFORM set_config('lock_timeout', former_wait, true);
    END IF;
    RETURN array_to_json(met);
END
$function$;

CREATE OR REPLACE FUNCTION lapinq_never()
 RETURNS timestamp with time zone
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$
SELECT '9000-01-01 00:00:00+00'::timestamptz
$function$;

CREATE OR REPLACE FUNCTION lapinq_new_id()
 RETURNS uuid
 LANGUAGE sql
 PARALLEL SAFE
AS $function$
SELECT (left(time_60, 8) || '-' || substr(time_60, 9, 4) || '-7' || right(time_60, 3) || '-'
        || right(gen_random_uuid()::text, 17))::uuid
  FROM lpad(to_hex(floor(extract(epoch FROM clock_timestamp()) * 4096000)::bigint), 15, '0') AS time_60
$function$;

CREATE OR REPLACE FUNCTION lapinq_next_sets_1(q lapinq_queues, blocked text[], size integer, OUT sets text[], OUT shifts double precision[], OUT all_shifts jsonb)
 RETURNS record
 LANGUAGE plpgsql
 STABLE
AS $function$
DECLARE
    few CONSTANT integer := 10;
    all_sets text[];
    places float8[];
    ranks bigint[];
    without_room text[] := '{}';
BEGIN
    SELECT array_agg(e.names), array_agg(e.rank), array_agg(e.place)
      INTO all_sets, ranks, places
      FROM ((SELECT x.names, x.rank, x.place
               FROM lapinq_lanes x
              WHERE x.queue_name = q.name
                AND x.names = ''
                AND x.is_open
              ORDER BY x.queue_name, x.names, x.rank, x.place
              LIMIT 1)
             UNION ALL
            SELECT o.names, o.rank, o.place FROM lapinq_open_sets_1(q.name) o) AS e;
    IF cardinality(all_sets) > few THEN
        without_room := lapinq_limits_without_room_3(q.name, all_sets);
    END IF;
    WITH shifted AS MATERIALIZED (
        SELECT e.names, e.rank, e.place,
               CASE WHEN q.start_order = 'fair' AND e.names > ''
                    THEN greatest(0, (q.lane_shifts ->> e.names)::float8, q.virtual_time - e.place)
                    ELSE 0 END AS shift
          FROM unnest(all_sets, ranks, places) AS e (names, rank, place)
    ), next AS MATERIALIZED (
        SELECT s.names, s.shift
          FROM shifted s
         WHERE s.names <> ALL (blocked)
           AND (SELECT bool_or(one.name IN (SELECT unnest(without_room)))
                  FROM unnest(string_to_array(s.names, ',')) AS one (name)) IS NOT TRUE
         ORDER BY s.rank, s.place + s.shift
         LIMIT greatest(0, size)
    )
    SELECT coalesce((SELECT array_agg(n.names) FROM next n), '{}'),
           coalesce((SELECT array_agg(n.shift) FROM next n), '{}'),
           (SELECT jsonb_object_agg(s.names, s.shift) FROM shifted s WHERE s.shift > 0)
      INTO sets, shifts, all_shifts;
END
$function$;

CREATE OR REPLACE FUNCTION lapinq_note_change()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
    PERFORM nextval(format('%I.%I', TG_TABLE_SCHEMA, 'lapinq_changes_' || right(TG_TABLE_NAME, 8))::regclass);
    RETURN NULL;
END
$function$;

CREATE OR REPLACE FUNCTION lapinq_note_governed()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    NEW.is_governed := NEW.is_laned
                       OR num_nonnulls(NEW.max_running, NEW.max_running_per_key, NEW.rate, NEW.rate_per_key) > 0
                       OR NEW.start_order <> 'priority'
                       OR NEW.has_breaker;
    RETURN NEW;
END
$function$;

CREATE OR REPLACE FUNCTION lapinq_note_workflow_task()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
DECLARE
    noted text := current_setting('lapinq.workflow_tasks', true);
    task uuid;
BEGIN
    IF noted IS DISTINCT FROM '-' THEN
        IF TG_OP = 'DELETE' THEN
            task := OLD.id;
        ELSE
            task := NEW.task_id;
        END IF;
        noted := set_config('lapinq.workflow_tasks', concat_ws(',', nullif(noted, ''), task), true);
    END IF;
    RETURN NULL;
END
$function$;

CREATE OR REPLACE FUNCTION lapinq_now()
 RETURNS timestamp with time zone
 LANGUAGE sql
 STABLE PARALLEL SAFE
AS $function$SELECT statement_timestamp()$function$;

CREATE OR REPLACE FUNCTION lapinq_open_sets_1(queue text)
 RETURNS TABLE(names text, rank bigint, place double precision)
 LANGUAGE plpgsql
 STABLE ROWS 10
AS $function$
#variable_conflict use_column
DECLARE
    fewest CONSTANT integer := 2;
    most CONSTANT integer := 512;
    at_once integer := fewest;
    last_names text := ''; -- that of lanes without limits
    lane record;
    lanes integer;
    found_sets integer;
BEGIN
    LOOP
        lanes := 0;
        found_sets := 0;
        FOR lane IN
            SELECT l.names, l.rank, l.place
              FROM lapinq_lanes l
             WHERE l.queue_name = queue
               AND l.is_open
               AND l.names > last_names
             ORDER BY l.queue_name, l.names, l.rank, l.place
             LIMIT greatest(0, at_once)
        LOOP
            lanes := lanes + 1;
            IF lane.names <> last_names THEN
                found_sets := found_sets + 1;
                last_names := lane.names;
                names := lane.names;
                rank := lane.rank;
                place := lane.place;
                RETURN NEXT;
            END IF;
        END LOOP;
        EXIT WHEN lanes < at_once;
        at_once := CASE WHEN found_sets = lanes THEN least(at_once * 2, most) ELSE fewest END;
    END LOOP;
END
$function$;

CREATE OR REPLACE FUNCTION lapinq_pick_unlaned_2(queue text, room integer, isolated integer, mark_rank bigint, mark_seq bigint, max_rank bigint, OUT picked tid[], OUT ids uuid[], OUT mark bigint[])
 RETURNS record
 LANGUAGE sql
AS $function$
SELECT coalesce(array_agg(x.row_id), '{}'), coalesce(array_agg(x.id), '{}'), max(ARRAY[x.rank, x.seq])
  FROM (SELECT r.*, count(*) FILTER (WHERE r.isolation >= 2) OVER (ROWS UNBOUNDED PRECEDING) AS nth_isolated
          FROM (SELECT f.ctid AS row_id, f.id, f.rank, f.seq, f.isolation
                  FROM lapinq_ready f
                 WHERE f.queue_name = queue
                   AND (f.rank, f.seq) >= (mark_rank, mark_seq)
                   AND f.rank <= max_rank
                   AND (f.expires_at IS NULL OR f.expires_at > lapinq_now())
                   AND (f.isolation < 2 OR isolated > 0)
                 ORDER BY f.queue_name, f.rank, f.seq
                 LIMIT greatest(0, room)
                   FOR UPDATE SKIP LOCKED) AS r) AS x
 WHERE x.isolation < 2
    OR x.nth_isolated <= isolated
$function$;

CREATE OR REPLACE FUNCTION lapinq_places_reserved(l lapinq_limits)
 RETURNS integer
 LANGUAGE sql
 STABLE
AS $function$
SELECT ((l.reserved_units = 0
        AND l.reserved_until > lapinq_now()
        AND l.reserved_until <= lapinq_now() + interval '30 seconds') IS TRUE)::integer
$function$;

CREATE OR REPLACE FUNCTION lapinq_rank(priority integer, lane text)
 RETURNS bigint
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$
SELECT CASE WHEN lane IS NULL THEN 0 ELSE 2199023255552 END - priority::bigint
$function$;

CREATE OR REPLACE FUNCTION lapinq_refilled_at(rate jsonb, tokens_at timestamp with time zone)
 RETURNS timestamp with time zone
 LANGUAGE sql
 STABLE PARALLEL SAFE
AS $function$
SELECT CASE WHEN tokens_at <= lapinq_now() + (rate ->> 'period_seconds')::float8 * interval '1 second'
            THEN greatest(tokens_at, lapinq_now())
            ELSE lapinq_now() END
$function$;

CREATE OR REPLACE FUNCTION lapinq_removed_lanes_1(queues text[], lanes text[], ids uuid[], ready boolean[])
 RETURNS TABLE(queue_name text, told text[])
 LANGUAGE sql
 STABLE
AS $function$
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

CREATE OR REPLACE FUNCTION lapinq_replace_waiting(task_id uuid, task json, due timestamp with time zone)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
DECLARE
    lifetime CONSTANT double precision := (task->>'ttl_seconds')::double precision;
    expiry CONSTANT timestamptz := lapinq_now() + lifetime * interval '1 second';
    -- A fire-and-forget task is deleted after its end, however long it waits.
    last_start CONSTANT timestamptz := CASE WHEN lifetime > 0 THEN expiry END;
    urgency CONSTANT integer := coalesce((task->>'priority')::integer, 0);
    shares CONSTANT jsonb := nullif(nullif((task->'limits')::jsonb, 'null'), '{}');
    new_lane CONSTANT text := lapinq_lane(task->>'key', shares);
    new_units CONSTANT bigint[] := lapinq_units(shares);
    new_rank CONSTANT bigint := lapinq_rank(urgency, new_lane);
    is_delayed boolean;
    told text[];
    place record;
BEGIN
    UPDATE lapinq_tasks t
       SET task_name = task->>'task_name',
           module_path = task->>'module_path',
           args = coalesce(task->'args', '[]'),
           kwargs = coalesce(task->'kwargs', '{}'),
           max_retries = coalesce((task->>'max_retries')::integer, 3),
           priority = urgency,
           retry_delay = coalesce((task->>'retry_delay')::double precision, 10),
           retry_backoff = coalesce((task->>'retry_backoff')::boolean, true),
           ttl_seconds = lifetime,
           metadata = (task->>'metadata')::jsonb,
           webhook_url = task->>'webhook_url',
           scheduled_at = due,
           expires_at = expiry,
           timeout_seconds = (task->>'timeout_seconds')::double precision,
           request_id = task->>'request_id',
           profile = (task->>'profile')::boolean,
           key = task->>'key',
           limits = shares
     WHERE t.id = task_id;

    DELETE FROM lapinq_ready w
     WHERE w.id = task_id
    RETURNING w.queue_name, w.seq, w.starts, w.isolation, w.since, w.lane, NULL::timestamptz AS due_at
      INTO place;
    IF NOT FOUND THEN
        DELETE FROM lapinq_delayed d
         WHERE d.id = task_id
        RETURNING d.queue_name, NULL::bigint AS seq, d.starts, d.isolation, NULL::timestamptz AS since, d.lane, CASE WHEN d.parked_for IS NULL THEN d.due_at END AS due_at
          INTO STRICT place;
    END IF;
    IF due IS NULL AND place.starts > 0 THEN
        due := place.due_at;
    END IF;

    is_delayed := coalesce(due > lapinq_now(), false);

    IF is_delayed THEN
        INSERT INTO lapinq_delayed (id, due_at, queue_name, rank, starts, expires_at, isolation, lane, units)
        VALUES (task_id, due, place.queue_name, new_rank, place.starts, last_start, place.isolation, new_lane, new_units);
    ELSIF place.seq IS NULL THEN
        INSERT INTO lapinq_ready (queue_name, rank, id, starts, expires_at, isolation, lane, units)
        VALUES (place.queue_name, new_rank, task_id, place.starts, last_start, place.isolation, new_lane, new_units);
    ELSE
        INSERT INTO lapinq_ready (queue_name, rank, seq, id, starts, expires_at, isolation, since, lane, units)
        OVERRIDING SYSTEM VALUE
        VALUES (place.queue_name, new_rank, place.seq, task_id, place.starts, last_start, place.isolation, place.since,
                new_lane, new_units);
    END IF;

    -- Claims look again at the lane that it is in now, and at the one that it left or that waited for its retry.
    told := array_remove(ARRAY[CASE WHEN NOT is_delayed THEN new_lane END,
                               CASE WHEN place.seq IS NOT NULL OR place.lane IS DISTINCT FROM new_lane THEN place.lane END],
                         NULL);
    IF cardinality(told) > 0 THEN
        INSERT INTO lapinq_lane_news (queue_name, lanes) VALUES (place.queue_name, told);
    END IF;
END
$function$;

CREATE OR REPLACE FUNCTION lapinq_reserve_1(queue text, names text[], units double precision[], started boolean[])
 RETURNS void
 LANGUAGE sql
AS $function$
UPDATE lapinq_limits l
   SET reserved_by = CASE WHEN u.units IS NOT NULL THEN queue END,
       reserved_units = u.units,
       reserved_until = lapinq_now() + interval '30 seconds'
  FROM unnest(names, units, started) AS u (name, units, started)
 WHERE l.name = u.name
   AND CASE WHEN u.units IS NULL THEN u.started AND l.reserved_by = queue
            ELSE l.reserved_by IS NULL OR l.reserved_by = queue OR l.reserved_until <= lapinq_now() END
$function$;

CREATE OR REPLACE FUNCTION lapinq_reserve_2(queue text, names text[], units double precision[], started boolean[], has_room boolean[])
 RETURNS void
 LANGUAGE sql
AS $function$
UPDATE lapinq_limits l
   SET reserved_by = CASE WHEN u.units IS NOT NULL THEN queue END,
       reserved_units = u.units,
       reserved_until = CASE WHEN u.units > 0 OR u.units = 0 AND l.reserved_by = queue AND l.reserved_units = 0
                             THEN lapinq_now() + interval '30 seconds'
                             WHEN u.units = 0 THEN lapinq_now() + interval '45 seconds' END
  FROM (SELECT i.name, CASE WHEN NOT i.started THEN i.units END AS units, i.started, i.has_room
          FROM unnest(names, units, started, has_room) AS i (name, units, started, has_room)) AS u
 CROSS JOIN LATERAL (SELECT y.ctid AS row_id FROM lapinq_limits y WHERE y.name BETWEEN u.name AND u.name ORDER BY y.name DESC LIMIT 1) AS newest
 WHERE l.ctid = newest.row_id
   AND CASE WHEN u.units IS NULL THEN l.reserved_by = queue AND (u.started OR u.has_room AND l.reserved_units = 0)
            WHEN u.units > 0 THEN l.reserved_by IS NULL OR l.reserved_by = queue OR l.reserved_until <= lapinq_now()
                                  OR l.reserved_units = 0
            ELSE (l.reserved_by IS NULL OR l.reserved_until <= lapinq_now())
                 AND EXISTS (SELECT
                               FROM lapinq_running r
                              WHERE r.units IS NOT NULL
                                AND r.queue_name <> queue
                                AND l.name = ANY (string_to_array(split_part(r.lane, chr(31), 2), ','))) END
$function$;

CREATE OR REPLACE FUNCTION lapinq_retake_unique_key(task_id uuid, wait_ms integer)
 RETURNS uuid
 LANGUAGE plpgsql
AS $function$
DECLARE
    task record;
    held record;
    former_wait CONSTANT text := current_setting('lock_timeout');
BEGIN
    SELECT t.queue_name, t.unique_key, t.unique_until INTO task FROM lapinq_tasks t WHERE t.id = task_id;
    IF NOT FOUND OR task.unique_key IS NULL OR task.unique_until NOT IN ('started', 'finished') THEN
        RETURN NULL;
    END IF;
    PERFORM set_config('lock_timeout', wait_ms::text, true);
    INSERT INTO lapinq_unique_keys AS k (queue_name, key, task_id, until, taken_at)
    VALUES (task.queue_name, task.unique_key, task_id, task.unique_until, lapinq_now())
        ON CONFLICT (queue_name, key) DO UPDATE  -- locks it, and changes nothing
       SET taken_at = k.taken_at
     WHERE false;
    PERFORM set_config('lock_timeout', former_wait, true);
    SELECT * INTO STRICT held
      FROM lapinq_unique_keys k
     WHERE k.queue_name = task.queue_name
       AND k.key = task.unique_key;
    IF held.task_id <> task_id THEN
        PERFORM lapinq_expire_late(held.task_id);
    END IF;
    IF held.task_id <> task_id AND lapinq_holds_key(held.task_id, held.until, held.expires_at) THEN
        RETURN held.task_id;
    END IF;
    UPDATE lapinq_unique_keys k
       SET task_id = lapinq_retake_unique_key.task_id,
           until = task.unique_until,
           expires_at = NULL,
           first_at = NULL,
           taken_at = lapinq_now()
     WHERE k.queue_name = task.queue_name
       AND k.key = task.unique_key;
    RETURN NULL;
END
$function$;

CREATE OR REPLACE FUNCTION lapinq_retry_workflow_1(workflow uuid, by text, OUT tasks integer, OUT queues text[], OUT refused uuid, OUT busy uuid)
 RETURNS record
 LANGUAGE plpgsql
 SET jit TO 'off'
 SET enable_seqscan TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
DECLARE
    again uuid[];
    repeated uuid[];
    freed uuid[];
    noted CONSTANT text := coalesce(current_setting('lapinq.workflow_tasks', true), '');
BEGIN
    WITH RECURSIVE chosen AS (
        SELECT m.task_id
          FROM lapinq_workflow_tasks m
         WHERE m.workflow_id = workflow
           AND NOT m.is_gone
           AND (m.outcome IN ('failed', 'expired') AND m.cause IS NULL
                -- Because of one that was requeued by itself.
                OR m.cause IS NOT NULL
                   AND EXISTS (SELECT
                                 FROM lapinq_workflow_tasks p
                                WHERE p.task_id = m.cause
                                  AND (p.outcome IS NULL OR p.outcome = 'completed')))
        UNION
        SELECT c.task_id
          FROM chosen p
          JOIN lapinq_workflow_edges e ON e.parent_id = p.task_id
          JOIN lapinq_workflow_tasks c ON c.task_id = e.child_id
         WHERE c.outcome IS NOT NULL
           AND NOT c.is_gone
           AND (c.cause = p.task_id OR c.after_failure = 'run')
    )
    SELECT coalesce(array_agg(task_id), '{}') INTO again FROM chosen;
    tasks := cardinality(again);
    queues := '{}';
    SELECT t.id INTO refused
      FROM lapinq_tasks t
     WHERE t.id = ANY (again)
       AND t.unique_key IS NOT NULL
       AND NOT lapinq_may_requeue(t.id)
     LIMIT 1;
    IF tasks = 0 OR refused IS NOT NULL THEN
        RETURN;
    END IF;

    PERFORM set_config('lapinq.workflow_tasks', '-', true);
    repeated := ARRAY(SELECT m.task_id FROM lapinq_workflow_tasks m WHERE m.task_id = ANY (again) AND m.outcome = 'completed');
    DELETE FROM lapinq_steps s WHERE s.task_id = ANY (repeated);
    DELETE FROM lapinq_decisions d WHERE d.task_id = ANY (repeated);
    UPDATE lapinq_tasks t
       SET expires_at = lapinq_now() + t.ttl_seconds * interval '1 second'
     WHERE t.id = ANY (again)
       AND t.ttl_seconds > 0;
    WITH reopened AS (
        UPDATE lapinq_attempts a
           SET final = false, requeued_at = lapinq_now(), requeued_by = by
         WHERE a.task_id = ANY (again)
           AND a.final
        RETURNING a.task_id, a.outcome
    ), counted AS (
        INSERT INTO lapinq_counts (queue_name, pending, completed, failed, cancelled, expired)
        SELECT t.queue_name, count(*), -count(*) FILTER (WHERE r.outcome = 'completed'),
               -count(*) FILTER (WHERE r.outcome = 'failed'), -count(*) FILTER (WHERE r.outcome = 'cancelled'),
               -count(*) FILTER (WHERE r.outcome = 'expired')
          FROM reopened r
          JOIN lapinq_tasks t ON t.id = r.task_id
         GROUP BY t.queue_name
    )
    UPDATE lapinq_workflows w
       SET round = w.round + 1,
           pending = w.pending + n.tasks,
           completed = w.completed - n.completed,
           failed = w.failed - n.failed,
           cancelled = w.cancelled - n.cancelled,
           expired = w.expired - n.expired
      FROM (SELECT count(*) AS tasks, count(*) FILTER (WHERE outcome = 'completed') AS completed,
                   count(*) FILTER (WHERE outcome = 'failed') AS failed,
                   count(*) FILTER (WHERE outcome = 'cancelled') AS cancelled,
                   count(*) FILTER (WHERE outcome = 'expired') AS expired
              FROM reopened) AS n
     WHERE w.id = workflow;
    -- Those that have not started, though their parents had ended, wait for these, too. What runs, or is being
    -- claimed, can't.
    freed := ARRAY(SELECT m.task_id
                     FROM lapinq_workflow_tasks m
                    WHERE m.task_id IN (SELECT e.child_id FROM lapinq_workflow_edges e WHERE e.parent_id = ANY (again))
                      AND m.outcome IS NULL
                      AND m.waits_for = 0);
    WITH gone AS (
        DELETE FROM lapinq_ready r
         WHERE r.id = ANY (ARRAY(SELECT id FROM lapinq_ready WHERE id = ANY (freed) ORDER BY id FOR UPDATE SKIP LOCKED))
        RETURNING r.*
    ), told_lanes AS (
        INSERT INTO lapinq_lane_news (queue_name, lanes)
        SELECT queue_name, array_agg(DISTINCT lane)
          FROM gone
         WHERE lane IS NOT NULL
         GROUP BY queue_name
    ), back AS (
        INSERT INTO lapinq_delayed (id, due_at, queue_name, rank, starts, expires_at, isolation, lane, units)
        SELECT id, lapinq_never(), queue_name, rank, starts, expires_at, isolation, lane, units
          FROM gone
        RETURNING id
    ), put_off AS (
        UPDATE lapinq_delayed d
           SET due_at = lapinq_never(),
               parked_for = NULL
         WHERE d.id = ANY (ARRAY(SELECT id FROM lapinq_delayed WHERE id = ANY (freed) ORDER BY id FOR UPDATE SKIP LOCKED))
        RETURNING d.id
    )
    SELECT (array_agg(f.id) FILTER (WHERE moved.id IS NULL))[1], array_agg(f.id)
      INTO busy, freed
      FROM unnest(freed) AS f (id)
      LEFT JOIN (SELECT id FROM back UNION ALL SELECT id FROM put_off) AS moved ON moved.id = f.id;
    IF busy IS NOT NULL THEN
        RETURN;
    END IF;
    UPDATE lapinq_workflow_tasks m
       SET waits_for = (SELECT count(*) FROM lapinq_workflow_edges e WHERE e.child_id = m.task_id)
     WHERE m.task_id = ANY (freed);
    -- As do those that have been waiting for others all the time.
    UPDATE lapinq_workflow_tasks c
       SET waits_for = c.waits_for + e.parents
      FROM (SELECT child_id, count(*) AS parents FROM lapinq_workflow_edges WHERE parent_id = ANY (again) GROUP BY child_id) AS e
     WHERE c.task_id = e.child_id
       AND c.waits_for > 0
       AND c.task_id <> ALL (coalesce(freed, '{}'));
    UPDATE lapinq_workflow_tasks m
       SET outcome = NULL,
           cause = NULL,
           waits_for = (SELECT count(*) FROM lapinq_workflow_edges e WHERE e.child_id = m.task_id)
     WHERE m.task_id = ANY (again);

    WITH entering AS MATERIALIZED (
        SELECT t.id, t.queue_name, lapinq_lane(t.key, t.limits) AS lane, lapinq_units(t.limits) AS units, t.priority,
               CASE WHEN t.ttl_seconds IS DISTINCT FROM 0 THEN t.expires_at END AS expires_at, m.waits_for > 0 AS is_blocked
          FROM lapinq_tasks t
          JOIN lapinq_workflow_tasks m ON m.task_id = t.id
         WHERE t.id = ANY (again)
    ), blocked AS (
        INSERT INTO lapinq_delayed (id, due_at, queue_name, rank, expires_at, lane, units)
        SELECT id, lapinq_never(), queue_name, lapinq_rank(priority, lane), expires_at, lane, units
          FROM entering
         WHERE is_blocked
    ), ready AS (
        INSERT INTO lapinq_ready (queue_name, rank, id, expires_at, since, lane, units)
        SELECT queue_name, lapinq_rank(priority, lane), id, expires_at, lapinq_now(), lane, units
          FROM entering
         WHERE NOT is_blocked
         ORDER BY id
    ), told_lanes AS (
        INSERT INTO lapinq_lane_news (queue_name, lanes)
        SELECT queue_name, array_agg(DISTINCT lane)
          FROM entering
         WHERE lane IS NOT NULL
           AND NOT is_blocked
         GROUP BY queue_name
    )
    SELECT coalesce(array_agg(DISTINCT queue_name) FILTER (WHERE NOT is_blocked), '{}') INTO queues FROM entering;
    PERFORM lapinq_advance_workflows_1('{}', again || freed);
    PERFORM lapinq_end_workflows_1(ARRAY[workflow]);
    PERFORM set_config('lapinq.workflow_tasks', noted, true);
END
$function$;

CREATE OR REPLACE FUNCTION lapinq_returned_1(queue text, of_key text DEFAULT NULL::text)
 RETURNS bigint
 LANGUAGE sql
 STABLE
AS $function$
SELECT count(*)
  FROM (SELECT n.lanes, n.returned
          FROM lapinq_lane_news n
         WHERE n.queue_name = queue
         ORDER BY n.queue_name, n.seq
         LIMIT 1000) AS news
 CROSS JOIN unnest(news.lanes) AS lane
 WHERE news.returned
   AND (of_key IS NULL OR split_part(lane, chr(31), 1) = of_key)
$function$;

CREATE OR REPLACE FUNCTION lapinq_signal(task_id uuid, name text, value jsonb DEFAULT 'null'::jsonb)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
DECLARE
    said CONSTANT text := lapinq_signal_1(task_id, name, value::text);
BEGIN
    CASE said
        WHEN 'unknown' THEN
            RAISE EXCEPTION 'there is no task %', task_id USING ERRCODE = 'no_data_found';
        WHEN 'ended' THEN
            RAISE EXCEPTION 'the task % has ended', task_id USING ERRCODE = 'object_not_in_prerequisite_state';
        WHEN 'full' THEN
            RAISE EXCEPTION 'the task % has 10000 signals that it has not taken', task_id
                  USING ERRCODE = 'program_limit_exceeded';
        ELSE
            NULL;
    END CASE;
END
$function$;

CREATE OR REPLACE FUNCTION lapinq_signal_1(task uuid, signal_name text, value text)
 RETURNS text
 LANGUAGE plpgsql
AS $function$
BEGIN
    -- So that the task is not deleted before the signal is there, which would outlive it.
    PERFORM FROM lapinq_tasks t WHERE t.id = task FOR KEY SHARE;
    IF NOT FOUND THEN
        RETURN 'unknown';
    END IF;
    IF EXISTS (SELECT FROM lapinq_attempts a WHERE a.task_id = task AND a.final) THEN
        RETURN 'ended';
    END IF;
    IF EXISTS (SELECT FROM lapinq_steps s WHERE s.task_id = task AND s.ended_at IS NULL AND s.kind = 'sent' OFFSET 9999 LIMIT 1) THEN
        RETURN 'full';
    END IF;
    INSERT INTO lapinq_steps (task_id, name, occurrence, kind, result, started_at, attempt)
    VALUES (task, signal_name, nextval('lapinq_signal_seq'), 'sent', value, lapinq_now(), 0);
    PERFORM set_config('lapinq.signalled_tasks',
                       concat_ws(',', nullif(current_setting('lapinq.signalled_tasks', true), ''), task), true);
    RETURN 'sent';
END
$function$;

CREATE OR REPLACE FUNCTION lapinq_start_1(queue text, worker uuid, token uuid, picked tid[], ids uuid[], lease double precision, margin double precision, has_breaker boolean, OUT claims text)
 RETURNS text
 LANGUAGE plpgsql
AS $function$
DECLARE
    lowest CONSTANT uuid := (SELECT id FROM unnest(ids) AS id ORDER BY id LIMIT 1);
    highest CONSTANT uuid := (SELECT id FROM unnest(ids) AS id ORDER BY id DESC LIMIT 1);
BEGIN
    WITH gone AS (
        DELETE FROM lapinq_ready r
         USING unnest(picked) WITH ORDINALITY AS p (row_id, turn)
         WHERE r.ctid = p.row_id
        RETURNING p.turn, r.id, r.rank, r.seq, r.starts, r.expires_at, r.isolation, r.since, r.lane, r.units
    ), claimed AS MATERIALIZED (
        SELECT k.*, nextval('lapinq_claim_seq') AS claim_seq, x.task_name, x.module_path, x.args, x.kwargs, x.max_retries,
               x.retry_delay, x.retry_backoff, x.timeout_seconds, x.created_at, x.metadata, x.request_id, x.profile,
               coalesce(k.since, greatest(x.created_at, x.scheduled_at)) AS due_at,
               x.webhook_url IS NOT NULL AS has_webhook
          FROM gone k
         CROSS JOIN LATERAL (SELECT *
                               FROM lapinq_tasks y
                              WHERE y.id = k.id AND y.id >= lowest AND y.id <= highest
                             OFFSET 0) AS x
    ), leased AS (
        INSERT INTO lapinq_running (id, token, seq, worker_id, queue_name, rank, attempt, claimed_at, deadline_at,
                                    expires_at, isolation, has_webhook, lane, units)
        SELECT c.id, lapinq_start_1.token, c.claim_seq, worker, queue, c.rank, c.starts + 1, lapinq_now(),
               lapinq_now() + coalesce(c.timeout_seconds + margin, lease) * interval '1 second',
               c.expires_at, c.isolation, c.has_webhook, c.lane, c.units
          FROM claimed c
    ), counted AS (
        INSERT INTO lapinq_counts (queue_name, pending) VALUES (queue, -cardinality(picked))
    ), followed AS (
        INSERT INTO lapinq_breaker_starts (queue_name, seq, task_id, claimed_at)
        SELECT queue, c.claim_seq, c.id, lapinq_now()
          FROM claimed c
         WHERE has_breaker
    ), probed AS (
        UPDATE lapinq_breakers b
           SET probe_id = c.id,
               probe_seq = c.claim_seq
          FROM claimed c
         WHERE has_breaker
           AND b.queue_name = queue
           AND b.state = 'half_open'
    )
    SELECT json_agg(json_build_array(c.id, c.task_name, c.module_path, c.args, c.kwargs, c.starts + 1, c.max_retries,
                                     c.retry_delay, c.retry_backoff,
                                     CASE WHEN c.lane IS NULL THEN c.rank ELSE c.rank - 2199023255552 END, c.seq,
                                     extract(epoch FROM c.expires_at - lapinq_now())::float8, c.timeout_seconds,
                                     c.claim_seq, date_part('epoch', c.created_at), c.metadata,
                                     CASE WHEN c.profile THEN 2 ELSE c.isolation END,
                                     CASE WHEN c.starts = 0 THEN date_part('epoch', lapinq_now() - c.due_at) END,
                                     c.request_id, c.profile)
                    ORDER BY c.turn)::text
      INTO claims
      FROM claimed c;
END
$function$;

CREATE OR REPLACE FUNCTION lapinq_startable(queue text)
 RETURNS bigint
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
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

CREATE OR REPLACE FUNCTION lapinq_store_tasks(tasks json, OUT queues text[], OUT due_in double precision)
 RETURNS record
 LANGUAGE plpgsql
AS $function$
DECLARE
    alike record;
    -- Of the ready tasks that are in lanes.
    laned_queues text[];
    lanes text[];
    ranks bigint[];
    has_transient boolean;
BEGIN
    IF json_typeof(tasks) = 'object' THEN
        SELECT i.ids, i.key, i.args, i.kwargs, i.metadata, coalesce(i.queue_name, 'default') AS queue_name, i.task_name,
               i.module_path, coalesce(i.max_retries, 3) AS max_retries, coalesce(i.priority, 0) AS priority,
               coalesce(i.retry_delay, 10) AS retry_delay, coalesce(i.retry_backoff, true) AS retry_backoff,
               i.ttl_seconds, i.webhook_url, i.scheduled_at, i.timeout_seconds, i.request_id, i.limits,
               lapinq_units(i.limits) AS units,
               CASE WHEN i.is_blocked THEN lapinq_never() ELSE i.scheduled_at END AS due_at,
               lapinq_now() + i.ttl_seconds * interval '1 second' AS expires_at
          INTO alike
          FROM json_to_record(tasks) AS i (
               ids uuid[], key text[], args json, kwargs json, metadata json, limits jsonb, queue_name text,
               task_name text, module_path text, max_retries integer, priority integer, retry_delay double precision,
               retry_backoff boolean, ttl_seconds double precision, webhook_url text, scheduled_at timestamptz,
               timeout_seconds double precision, request_id text, is_blocked boolean);
        lanes := CASE WHEN alike.limits IS NULL THEN alike.key
                      ELSE ARRAY(SELECT lapinq_lane(one.key, alike.limits)
                                   FROM unnest(alike.ids, alike.key) WITH ORDINALITY AS one (id, key, number)
                                  ORDER BY one.number) END;

        INSERT INTO lapinq_tasks (id, queue_name, task_name, module_path, args, kwargs, max_retries, priority, retry_delay,
                                  retry_backoff, ttl_seconds, metadata, webhook_url, created_at, scheduled_at,
                                  expires_at, timeout_seconds, request_id, key, limits)
        SELECT one.id, alike.queue_name, alike.task_name, alike.module_path, coalesce(one.args, '[]'),
               coalesce(one.kwargs, '{}'), alike.max_retries, alike.priority, alike.retry_delay, alike.retry_backoff,
               alike.ttl_seconds, nullif(one.metadata::text, 'null')::jsonb, alike.webhook_url, lapinq_now(),
               alike.scheduled_at, alike.expires_at, alike.timeout_seconds, alike.request_id, one.key, alike.limits
          FROM ROWS FROM (unnest(alike.ids), unnest(alike.key), json_array_elements(alike.args),
                          json_array_elements(alike.kwargs), json_array_elements(alike.metadata))
                 AS one (id, key, args, kwargs, metadata);
        INSERT INTO lapinq_counts (queue_name, pending) VALUES (alike.queue_name, cardinality(alike.ids));
        IF alike.due_at > lapinq_now() THEN
            INSERT INTO lapinq_delayed (id, due_at, queue_name, rank, expires_at, lane, units)
            SELECT one.id, alike.due_at, alike.queue_name, lapinq_rank(alike.priority, one.lane), alike.expires_at,
                   one.lane, alike.units
              FROM unnest(alike.ids, lanes) AS one (id, lane);
            queues := '{}';
            due_in := date_part('epoch', nullif(alike.due_at, lapinq_never()) - lapinq_now());
            RETURN;
        END IF;
        INSERT INTO lapinq_ready (queue_name, rank, id, expires_at, lane, units)
        SELECT alike.queue_name, lapinq_rank(alike.priority, one.lane), one.id, alike.expires_at, one.lane, alike.units
          FROM unnest(alike.ids, lanes) AS one (id, lane);
        IF lanes IS NOT NULL THEN
            INSERT INTO lapinq_lane_news (queue_name, lanes, rank)
            SELECT alike.queue_name, array_agg(DISTINCT lane COLLATE "C"), lapinq_rank(alike.priority, '')
              FROM unnest(lanes) AS lane
             WHERE lane IS NOT NULL;
        END IF;
        queues := ARRAY[alike.queue_name];
        RETURN;
    END IF;

    WITH input AS MATERIALIZED (
        SELECT i.id, coalesce(i.queue_name, 'default') AS queue_name, i.task_name, i.module_path,
               coalesce(i.args, '[]') AS args, coalesce(i.kwargs, '{}') AS kwargs,
               coalesce(i.max_retries, 3) AS max_retries, coalesce(i.priority, 0) AS priority,
               coalesce(i.retry_delay, 10) AS retry_delay, coalesce(i.retry_backoff, true) AS retry_backoff,
               i.ttl_seconds, i.metadata, i.webhook_url, i.scheduled_at, i.timeout_seconds, i.request_id, i.profile,
               i.key, i.limits,
               -- Most have a key alone, and need no call of a function.
               CASE WHEN i.limits IS NULL THEN i.key ELSE lapinq_lane(i.key, i.limits) END AS lane,
               CASE WHEN i.limits IS NOT NULL THEN lapinq_units(i.limits) END AS units,
               CASE WHEN i.is_blocked THEN lapinq_never() WHEN i.scheduled_at > lapinq_now() THEN i.scheduled_at END AS due_at,
               coalesce(i.is_blocked OR i.scheduled_at > lapinq_now(), false) AS is_delayed,
               coalesce(i.ttl_seconds = 0 AND num_nonnulls(i.key, i.limits, i."unique", i.debounce) = 0, false)
                   AS is_transient,
               lapinq_now() + i.ttl_seconds * interval '1 second' AS expires_at,
               coalesce(i."unique"->>'key', i.debounce->>'key') AS unique_key,
               CASE WHEN i.debounce IS NOT NULL THEN 'started'
                    WHEN i."unique" IS NOT NULL THEN coalesce(i."unique"->>'until', 'finished') END AS unique_until,
               -- Fire and forget with a key, limits or a unique key: kept until it has ended.
               CASE WHEN i.ttl_seconds > 0 THEN lapinq_now() + i.ttl_seconds * interval '1 second' END AS waits_until
          FROM json_to_recordset(tasks) AS i (
               id uuid, queue_name text, task_name text, module_path text, args json, kwargs json, max_retries integer,
               priority integer, retry_delay double precision, retry_backoff boolean, ttl_seconds double precision,
               metadata jsonb, webhook_url text, scheduled_at timestamptz, timeout_seconds double precision,
               request_id text, profile boolean, key text, limits jsonb, "unique" json, debounce json, is_blocked boolean)
    ), stored AS (
        INSERT INTO lapinq_tasks (id, queue_name, task_name, module_path, args, kwargs, max_retries, priority, retry_delay,
                                  retry_backoff, ttl_seconds, metadata, webhook_url, created_at, scheduled_at,
                                  expires_at, timeout_seconds, request_id, profile, key, limits, unique_key,
                                  unique_until)
        SELECT id, queue_name, task_name, module_path, args, kwargs, max_retries, priority, retry_delay,
               retry_backoff, ttl_seconds, metadata, webhook_url, lapinq_now(), scheduled_at, expires_at, timeout_seconds,
               request_id, profile, key, limits, unique_key, unique_until
          FROM input
         WHERE NOT is_transient
    ), delayed AS (
        INSERT INTO lapinq_delayed (id, due_at, queue_name, rank, expires_at, lane, units)
        SELECT id, due_at, queue_name, lapinq_rank(priority, lane), waits_until, lane, units
          FROM input
         WHERE is_delayed
           AND NOT is_transient
    ), counted AS (
        INSERT INTO lapinq_counts (queue_name, pending)
        SELECT queue_name, count(*)
          FROM input
         WHERE NOT is_transient
         GROUP BY queue_name
    ), entered AS (
        INSERT INTO lapinq_ready (queue_name, rank, id, expires_at, lane, units)
        SELECT queue_name, lapinq_rank(priority, lane), id, waits_until, lane, units
          FROM input
         WHERE NOT is_delayed
           AND NOT is_transient
         ORDER BY id
    )
    SELECT coalesce(array_agg(DISTINCT queue_name) FILTER (WHERE NOT is_delayed OR is_transient), '{}'),
           date_part('epoch', min(due_at) FILTER (WHERE due_at < lapinq_never() AND NOT is_transient) - lapinq_now()),
           bool_or(is_transient),
           array_agg(queue_name) FILTER (WHERE lane IS NOT NULL AND NOT is_delayed),
           array_agg(lane) FILTER (WHERE lane IS NOT NULL AND NOT is_delayed),
           array_agg(lapinq_rank(priority, lane)) FILTER (WHERE lane IS NOT NULL AND NOT is_delayed)
      INTO queues, due_in, has_transient, laned_queues, lanes, ranks
      FROM input;

    IF lanes IS NOT NULL THEN
        INSERT INTO lapinq_lane_news (queue_name, lanes, rank)
        SELECT one.queue_name, array_agg(DISTINCT one.lane COLLATE "C"), min(one.rank)
          FROM unnest(laned_queues, lanes, ranks) AS one (queue_name, lane, rank)
         GROUP BY one.queue_name;
    END IF;

    IF has_transient THEN
        INSERT INTO lapinq_transient (queue_name, rank, task_name, module_path, args, kwargs, metadata, due_at,
                                      timeout_seconds, request_id)
        SELECT coalesce(i.queue_name, 'default'), -coalesce(i.priority, 0)::bigint, i.task_name, i.module_path,
               coalesce(i.args, '[]'), coalesce(i.kwargs, '{}'), i.metadata, coalesce(i.scheduled_at, lapinq_now()),
               i.timeout_seconds, i.request_id
          FROM json_to_recordset(tasks) AS i (
               id uuid, queue_name text, task_name text, module_path text, args json, kwargs json, priority integer,
               ttl_seconds double precision, metadata jsonb, scheduled_at timestamptz, timeout_seconds double precision,
               request_id text, key text, limits jsonb, "unique" json, debounce json)
         WHERE i.ttl_seconds = 0
           AND num_nonnulls(i.key, i.limits, i."unique", i.debounce) = 0
         ORDER BY i.id;
    END IF;
END
$function$;

CREATE OR REPLACE FUNCTION lapinq_store_workflow_1(workflow json, tasks json, graph json, OUT queues text[], OUT due_in double precision)
 RETURNS record
 LANGUAGE plpgsql
AS $function$
DECLARE
    its_id CONSTANT uuid := workflow ->> 'id';
    is_new CONSTANT boolean := workflow ->> 'name' IS NOT NULL;
    g record;
BEGIN
    SELECT * INTO g
      FROM json_to_record(graph) AS x (ids uuid[], refs text[], waits_for integer[], after_failure text[], parents uuid[],
                                       children uuid[]);
    IF is_new THEN
        INSERT INTO lapinq_workflows (id, name, metadata, is_open, created_at, pending, kept)
        VALUES (its_id, workflow ->> 'name', nullif(workflow ->> 'metadata', 'null')::jsonb,
                (workflow ->> 'is_open')::boolean, lapinq_now(), cardinality(g.ids), cardinality(g.ids));
        IF cardinality(g.ids) = 0 THEN
            PERFORM lapinq_end_workflows_1(ARRAY[its_id]);
        END IF;
    ELSE
        UPDATE lapinq_workflows w
           SET pending = w.pending + cardinality(g.ids),
               kept = w.kept + cardinality(g.ids)
         WHERE w.id = its_id;
    END IF;

    SELECT coalesce(array_agg(DISTINCT one.queue) FILTER (WHERE one.queue IS NOT NULL), '{}'), min(part.due_in)
      INTO queues, due_in
      FROM json_array_elements(tasks) AS batch
     CROSS JOIN lapinq_store_tasks(batch) AS part
      LEFT JOIN unnest(part.queues) AS one (queue) ON true;
    INSERT INTO lapinq_workflow_tasks (task_id, workflow_id, ref, after_failure, waits_for)
    SELECT one.id, its_id, one.ref, one.after_failure, one.waits_for
      FROM unnest(g.ids, g.refs, g.after_failure, g.waits_for) AS one (id, ref, after_failure, waits_for);
    INSERT INTO lapinq_workflow_edges (parent_id, child_id)
    SELECT * FROM unnest(g.parents, g.children);
    IF NOT is_new THEN
        PERFORM lapinq_advance_workflows_1('{}', ARRAY(SELECT DISTINCT child FROM unnest(g.children) AS child));
    END IF;
END
$function$;

CREATE OR REPLACE FUNCTION lapinq_stuck_keys_1(queues text[], most integer)
 RETURNS TABLE(queue_name text, key text, since timestamp with time zone)
 LANGUAGE plpgsql
 STABLE
 SET jit TO 'off'
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT q.name, b.key, failed.at
      FROM lapinq_queues q
     CROSS JOIN LATERAL (
           SELECT
             FROM lapinq_delayed d
            WHERE d.queue_name = q.name
              AND d.lane IS NOT NULL
            ORDER BY d.queue_name, least(d.starts, 1), d.id
            LIMIT 1) AS any_delayed
     CROSS JOIN LATERAL lapinq_blocked_keys_1(q, '', most) AS b
     CROSS JOIN LATERAL (
           SELECT a.finished_at AS at
             FROM lapinq_attempts a
            WHERE a.task_id = b.front
              AND NOT a.final
              AND NOT starts_with(a.error, 'suspended: ')
            ORDER BY a.task_id, a.finished_at
            LIMIT 1) AS failed
     WHERE q.start_order = 'strict_per_key'
       AND q.paused_at IS NULL
       AND (queues IS NULL OR q.name = ANY (queues))
       AND b.is_held;
END
$function$;

CREATE OR REPLACE FUNCTION lapinq_suspend_1(task uuid)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
BEGIN
    INSERT INTO lapinq_steps (task_id, name, occurrence, kind, started_at, attempt)
    VALUES (task, '', 0, 'lock', lapinq_now(), 0)
    ON CONFLICT (task_id, name, occurrence) DO UPDATE SET started_at = excluded.started_at;
    UPDATE lapinq_delayed d
       SET due_at = least(lapinq_until_woken(),
                          (SELECT min(least(s.due_at,
                                            CASE WHEN s.kind = 'task' AND NOT lapinq_hold_child_1(s.child_id)
                                                 THEN lapinq_now() + greatest(interval '1 second', (lapinq_now() - s.started_at) / 10)
                                            END))
                             FROM lapinq_waits_1(task, d.starts) AS s))
     WHERE d.id = task
       AND d.due_at >= lapinq_until_woken()
       AND d.due_at < lapinq_never();
    PERFORM lapinq_wake_1(ARRAY[task]);
END
$function$;

CREATE OR REPLACE FUNCTION lapinq_take_in_news_1(q lapinq_queues, OUT told text[], OUT returned double precision)
 RETURNS record
 LANGUAGE plpgsql
AS $function$
DECLARE
    nothing_came CONSTANT bigint := 9223372036854775807; -- complete.sql
    is_fair CONSTANT boolean := q.start_order = 'fair';
BEGIN
    WITH news AS MATERIALIZED (
        DELETE FROM lapinq_lane_news
         WHERE ctid = ANY (ARRAY(SELECT first.row_id
                                   FROM (SELECT n.ctid AS row_id,
                                                sum(cardinality(n.lanes)) OVER (ORDER BY n.seq) - cardinality(n.lanes) AS before
                                           FROM lapinq_lane_news n
                                          WHERE n.queue_name = q.name
                                          ORDER BY n.queue_name, n.seq
                                          LIMIT 100) AS first
                                  WHERE first.before < 1000))
        RETURNING lapinq_lane_news.lanes, lapinq_lane_news.returned, lapinq_lane_news.rank
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
    SELECT coalesce(array_agg(o.lane) FILTER (WHERE o.lane > '' AND NOT o.is_known), '{}'), coalesce(sum(o.starts), 0)
      INTO told, returned
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
    IF q.start_order = 'strict_per_key' THEN
        RETURN;
    END IF;
    -- New lanes, in a statement for all. If a key has no room, the claim that meets its lane closes it.
    WITH opened AS (
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
    SELECT ARRAY(SELECT unnest(told) EXCEPT SELECT o.lane FROM opened o) INTO told;
END
$function$;

CREATE OR REPLACE FUNCTION lapinq_take_in_news_2(q lapinq_queues, first_seq bigint, OUT told text[], OUT opened text[], OUT returned double precision, OUT last_seq bigint)
 RETURNS record
 LANGUAGE plpgsql
AS $function$
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

CREATE OR REPLACE FUNCTION lapinq_task_spans_1(shortest integer, seconds integer)
 RETURNS TABLE(span integer, since timestamp with time zone, until timestamp with time zone)
 LANGUAGE sql
 STABLE ROWS 5
AS $function$
SELECT s.span, s.since, s.until
  FROM (SELECT first,
               date_bin('15 minutes', first + interval '15 minutes' - interval '1 microsecond', to_timestamp(0))
                   AS quarters_begin,
               date_bin('15 minutes', lapinq_now(), to_timestamp(0)) AS quarters_end,
               date_bin('2 hours', first + interval '2 hours' - interval '1 microsecond', to_timestamp(0)) AS hours_begin,
               date_bin('2 hours', lapinq_now(), to_timestamp(0)) AS hours_end
          FROM (SELECT date_bin(make_interval(secs => shortest), lapinq_now() - make_interval(secs => seconds),
                                to_timestamp(0)) AS first) AS began) AS c
 CROSS JOIN LATERAL (
       VALUES (60, first, quarters_begin),
              (900, quarters_begin, least(hours_begin, quarters_end)),
              (7200, hours_begin, hours_end),
              (900, greatest(hours_begin, hours_end), quarters_end),
              (60, greatest(quarters_begin, quarters_end), 'infinity')) AS s (span, since, until)
$function$;

CREATE OR REPLACE FUNCTION lapinq_tell_signalled()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
DECLARE
    noted CONSTANT text := current_setting('lapinq.signalled_tasks', true);
BEGIN
    IF noted <> '' THEN
        PERFORM set_config('lapinq.signalled_tasks', '', true);
        PERFORM lapinq_wake_1(string_to_array(noted, ',')::uuid[]);
    END IF;
    RETURN NULL;
END
$function$;

CREATE OR REPLACE FUNCTION lapinq_tell_suspended()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    PERFORM lapinq_suspend_1(NEW.id);
    RETURN NULL;
END
$function$;

CREATE OR REPLACE FUNCTION lapinq_tell_workflows()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
DECLARE
    noted CONSTANT text := current_setting('lapinq.workflow_tasks', true);
    waiters uuid[];
BEGIN
    IF noted NOT IN ('', '-') THEN
        PERFORM set_config('lapinq.workflow_tasks', '', true);
        PERFORM lapinq_advance_workflows_1(string_to_array(noted, ',')::uuid[]);
        waiters := ARRAY(SELECT s.task_id
                           FROM lapinq_steps s
                          WHERE s.child_id = ANY (string_to_array(noted, ',')::uuid[])
                            AND s.kind = 'task'
                            AND s.ended_at IS NULL);
        IF cardinality(waiters) > 0 THEN
            PERFORM lapinq_wake_1(waiters);
        END IF;
    END IF;
    RETURN NULL;
END
$function$;

CREATE OR REPLACE FUNCTION lapinq_tokens(rate jsonb, tokens double precision, tokens_at timestamp with time zone)
 RETURNS double precision
 LANGUAGE sql
 STABLE PARALLEL SAFE
AS $function$
SELECT least((rate ->> 'burst')::float8,
             coalesce(tokens, (rate ->> 'burst')::float8)
             + greatest(0, coalesce(extract(epoch FROM lapinq_now() - tokens_at)::float8, 0))
               * (rate ->> 'limit')::float8 / (rate ->> 'period_seconds')::float8)
$function$;

CREATE OR REPLACE FUNCTION lapinq_units(limits jsonb)
 RETURNS bigint[]
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$
SELECT array_agg(value::bigint ORDER BY key COLLATE "C") FROM jsonb_each_text(limits)
$function$;

CREATE OR REPLACE FUNCTION lapinq_until_woken()
 RETURNS timestamp with time zone
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$
SELECT '8000-01-01 00:00:00+00'::timestamptz
$function$;

CREATE OR REPLACE FUNCTION lapinq_wait_1(task uuid, claim uuid, step_name text, step_occurrence bigint, step_kind text, step_names text[], child uuid, seconds double precision, step_version text)
 RETURNS TABLE(outcome text, result text, taken text, due_in double precision)
 LANGUAGE plpgsql
AS $function$
#variable_conflict use_column
DECLARE
    running record;
    step lapinq_steps;
    sent lapinq_steps;
    ended record;
BEGIN
    SELECT r.attempt, r.seq INTO running FROM lapinq_running r WHERE r.id = task AND r.token = claim FOR KEY SHARE;
    IF NOT FOUND THEN
        RETURN QUERY SELECT 'lost', NULL::text, NULL::text, NULL::float8;
        RETURN;
    END IF;
    INSERT INTO lapinq_steps (task_id, name, occurrence, kind, started_at, due_at, attempt, claim_seq, version, names, child_id)
    VALUES (task, step_name, step_occurrence, step_kind, lapinq_now(),
            lapinq_now() + seconds * interval '1 second', running.attempt, running.seq, step_version,
            step_names, child)
    ON CONFLICT DO NOTHING;
    SELECT * INTO step
      FROM lapinq_steps s
     WHERE s.task_id = task
       AND s.name = step_name
       AND s.occurrence = step_occurrence
       FOR NO KEY UPDATE;
    IF step.kind <> step_kind THEN
        RETURN QUERY SELECT 'other', NULL::text, step.kind, NULL::float8;
        RETURN;
    END IF;
    IF step.ended_at IS NULL THEN
        IF step_kind = 'signal' THEN
            SELECT * INTO sent
              FROM lapinq_steps s
             WHERE s.task_id = task
               AND s.kind = 'sent'
               AND s.name = ANY (step.names)
             ORDER BY s.occurrence
             LIMIT 1
               FOR UPDATE;
            IF FOUND THEN
                DELETE FROM lapinq_steps s
                 WHERE s.task_id = task
                   AND s.name = sent.name
                   AND s.occurrence = sent.occurrence;
                step.outcome := 'completed';
                step.result := sent.result;
                step.names := ARRAY[sent.name];
            END IF;
        ELSIF step_kind = 'task' THEN
            SELECT c.outcome, c.result INTO ended FROM lapinq_child_outcome_1(step.child_id) AS c;
            IF FOUND THEN
                step.outcome := CASE WHEN ended.outcome = 'completed' THEN 'completed' ELSE 'failed' END;
                step.result := ended.result;
                step.names := ARRAY[ended.outcome];
            END IF;
        END IF;
        IF step.outcome IS NULL AND step.due_at <= lapinq_now() THEN
            step.outcome := CASE WHEN step_kind = 'sleep' THEN 'completed' ELSE 'timed_out' END;
        END IF;
        -- A wait that goes on is one of this claim from now on.
        UPDATE lapinq_steps s
           SET outcome = step.outcome,
               result = step.result,
               names = step.names,
               attempt = running.attempt,
               claim_seq = running.seq,
               ended_at = CASE WHEN step.outcome IS NOT NULL THEN lapinq_now() END
         WHERE s.task_id = task
           AND s.name = step_name
           AND s.occurrence = step_occurrence
           AND (step.outcome IS NOT NULL OR s.claim_seq <> running.seq);
    END IF;
    RETURN QUERY SELECT coalesce(step.outcome, 'waiting'), step.result, step.names[1],
                        extract(epoch FROM step.due_at - lapinq_now())::float8;
END
$function$;

CREATE OR REPLACE FUNCTION lapinq_waits_1(task uuid, starts integer)
 RETURNS SETOF lapinq_steps
 LANGUAGE sql
 STABLE
AS $function$
SELECT s.*
  FROM lapinq_steps s
 WHERE s.task_id = task
   AND s.kind IN ('sleep', 'signal', 'task')
   AND s.ended_at IS NULL
   AND s.attempt = starts + 1
   AND s.claim_seq = (SELECT max(x.claim_seq)
                        FROM lapinq_steps x
                       WHERE x.task_id = task
                         AND x.ended_at IS NULL)
$function$;

CREATE OR REPLACE FUNCTION lapinq_wake_1(tasks uuid[])
 RETURNS void
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
DECLARE
    notice record;
BEGIN
    INSERT INTO lapinq_steps (task_id, name, occurrence, kind, started_at, attempt)
    SELECT DISTINCT id, '', 0, 'lock', lapinq_now(), 0 FROM unnest(tasks) AS t (id) ORDER BY id
    ON CONFLICT (task_id, name, occurrence) DO UPDATE SET started_at = excluded.started_at;
    FOR notice IN
        WITH gone AS (
            DELETE FROM lapinq_delayed d
             WHERE d.id = ANY (tasks)
               AND EXISTS (SELECT
                             FROM lapinq_waits_1(d.id, d.starts) AS s
                            WHERE s.kind = 'signal'
                                  AND EXISTS (SELECT
                                                FROM lapinq_steps x
                                               WHERE x.task_id = d.id
                                                 AND x.name = ANY (s.names)
                                                 AND x.kind = 'sent')
                               OR s.kind = 'task' AND EXISTS (SELECT FROM lapinq_child_outcome_1(s.child_id)))
            RETURNING d.id, d.queue_name, d.rank, d.starts, d.expires_at, d.isolation, d.lane, d.units
        ), ready AS (
            INSERT INTO lapinq_ready (queue_name, rank, id, starts, expires_at, isolation, since, lane, units)
            SELECT queue_name, rank, id, starts, expires_at, isolation, lapinq_now(), lane, units
              FROM gone
             ORDER BY id
        ), told_lanes AS (
            INSERT INTO lapinq_lane_news (queue_name, lanes)
            SELECT queue_name, array_agg(DISTINCT lane)
              FROM gone
             WHERE lane IS NOT NULL
             GROUP BY queue_name
        )
        SELECT queue_name, count(*) AS tasks
          FROM gone
         GROUP BY queue_name
    LOOP
        -- As lapinq_core.db.ready_notices reads it.
        PERFORM pg_notify('lapinq_ready', format(E'%s\n%s %s', notice.queue_name, notice.tasks, floor(random() * 65536)));
    END LOOP;
END
$function$;

CREATE OR REPLACE FUNCTION lapinq_webhook_of(which uuid, OUT task_name text, OUT webhook_url text)
 RETURNS SETOF record
 LANGUAGE plpgsql
 STABLE ROWS 1
AS $function$
BEGIN
    RETURN QUERY SELECT t.task_name, t.webhook_url FROM lapinq_tasks t WHERE t.id = which AND t.webhook_url IS NOT NULL;
END
$function$;

CREATE OR REPLACE FUNCTION lapinq_window_1(q lapinq_queues, sets text[], shifts double precision[], size integer, room integer, isolated integer, mark_rank bigint, mark_seq bigint, max_rank bigint, limits lapinq_limits[], long_lanes text[])
 RETURNS TABLE(lane text, key text, names text, row_id tid, id uuid, rank bigint, seq bigint, units bigint[], isolation smallint, most integer, first_by bigint, then_by double precision, nth bigint, "time" double precision, shift double precision, is_behind boolean, is_late boolean, ends boolean)
 LANGUAGE plpgsql
 ROWS 100
AS $function$
#variable_conflict use_column
DECLARE
    lane_distance CONSTANT bigint := 2199023255552; -- what the rank of a task in a lane has more
    by_priority CONSTANT boolean := q.start_order = 'priority';
    is_fair CONSTANT boolean := q.start_order = 'fair';
    is_strict CONSTANT boolean := q.start_order = 'strict_per_key';
    rounding CONSTANT float8 := 1e-12; -- of sums of virtual times
    unkeyed_weight CONSTANT float8 := greatest(0.001, coalesce((q.weights ->> '')::float8, 1));
BEGIN
    RETURN QUERY
    WITH lanes AS MATERIALIZED (
        SELECT l.*, split_part(l.lane, chr(31), 1) AS key, row_number() OVER () AS nth
          FROM (SELECT x.lane, x.names, x.rank, x.place + s.shift AS place, x.head, s.shift
                  FROM unnest(sets, shifts) AS s (names, shift)
                 CROSS JOIN LATERAL (
                       SELECT y.lane, y.names, y.rank, y.place, y.head
                         FROM lapinq_lanes y
                        WHERE y.queue_name = q.name
                          AND y.names = s.names
                          AND y.is_open
                          AND y.rank <= max_rank + lane_distance
                        ORDER BY y.queue_name, y.names, y.rank, y.place
                        LIMIT greatest(0, size)) AS x
                 ORDER BY x.rank, x.place + s.shift
                 LIMIT greatest(0, size)) AS l
    ), capped AS MATERIALIZED (
        SELECT l.*, CASE WHEN l.lane = ANY (long_lanes) THEN room + 1
                         ELSE (SELECT 1 + ceil(room::float8 / count(*)) FROM lanes) END AS at_once,
               greatest(0.001, coalesce((q.weights ->> l.key)::float8, 1)) AS weight,
               is_fair AND coalesce(l.place < k.virtual_time - rounding * greatest(1, k.virtual_time), false)
               OR is_strict AND l.head IS NULL AND l.key > '' AS is_behind,
               CASE WHEN l.key > '' THEN
                    least(CASE WHEN is_strict THEN 1 END,
                          floor(lapinq_tokens(q.rate_per_key, k.tokens, k.tokens_at)),
                          q.max_running_per_key - (SELECT count(*)
                                                     FROM lapinq_running r
                                                    WHERE r.queue_name = q.name
                                                      AND split_part(r.lane, chr(31), 1) = l.key
                                                      AND r.lane IS NOT NULL))::integer
               END AS most
          FROM lanes l
          LEFT JOIN LATERAL (
               SELECT x.virtual_time, x.tokens, x.tokens_at
                 FROM lapinq_keys x
                WHERE (is_fair OR q.rate_per_key IS NOT NULL)
                  AND l.key > ''
                  AND x.queue_name = q.name
                  AND x.key = l.key
                LIMIT 1) AS k ON true
    ), found AS (
        SELECT c.lane, c.key, c.names, coalesce(h.row_id, t.row_id) AS row_id, coalesce(h.id, t.id) AS id,
               coalesce(h.rank, t.rank, c.rank) AS rank, coalesce(h.seq, t.seq) AS seq, coalesce(h.units, t.units) AS units,
               coalesce(h.isolation, t.isolation) AS isolation, c.most,
               CASE WHEN is_fair THEN c.place + coalesce(t.cost_before, 0) / c.weight
                    WHEN is_strict THEN coalesce(h.seq, t.last_seq, c.place)
                    ELSE coalesce(t.seq, c.place) END AS then_by,
               coalesce(t.nth, 1) AS nth,
               c.place + coalesce(t.cost_before + t.cost, 0) / c.weight AS "time", c.shift, c.is_behind,
               NOT is_fair AND t.nth = 1 AND (c.rank, c.place) < (CASE WHEN by_priority THEN t.rank ELSE 0 END, t.seq) AS is_late,
               coalesce(t.nth = c.at_once AND (c.most IS NULL OR c.most > c.at_once), false) AS ends
          FROM capped c
          LEFT JOIN LATERAL (
               SELECT x.ctid AS row_id, x.id, x.rank, x.seq, x.units, x.isolation
                 FROM lapinq_ready x
                WHERE c.head IS NOT NULL
                  AND c.most >= 1
                  AND x.id = c.head
                  AND (x.expires_at IS NULL OR x.expires_at > lapinq_now())
                  AND (x.isolation < 2 OR isolated > 0)
                  AND (limits IS NULL OR x.units IS NULL OR NOT lapinq_is_too_large_1(c.names, x.units, limits))
                LIMIT 1
                  FOR UPDATE SKIP LOCKED) AS h ON true
          LEFT JOIN LATERAL (
               SELECT one.*, row_number() OVER so_far AS nth, max(one.seq) OVER so_far AS last_seq,
                      sum(one.cost) OVER so_far - one.cost AS cost_before
                 FROM (SELECT x.ctid AS row_id, x.id, x.rank, x.seq, x.units, x.isolation,
                              CASE WHEN is_fair THEN coalesce((SELECT max(u) FROM unnest(x.units) AS u), 1) ELSE 1 END::float8 AS cost
                         FROM lapinq_ready x
                        WHERE c.head IS NULL
                          AND NOT c.is_behind
                          AND x.queue_name = q.name
                          AND x.lane BETWEEN c.lane AND c.lane
                          AND (x.expires_at IS NULL OR x.expires_at > lapinq_now())
                          AND (x.isolation < 2 OR isolated > 0)
                          AND (limits IS NULL OR x.units IS NULL OR NOT lapinq_is_too_large_1(c.names, x.units, limits))
                        ORDER BY x.queue_name, x.lane, x.rank, x.seq
                        LIMIT greatest(0, least(c.most, c.at_once))
                          FOR UPDATE SKIP LOCKED) AS one
               WINDOW so_far AS (ROWS UNBOUNDED PRECEDING)) AS t ON true
        UNION ALL
        SELECT NULL, '', '', u.row_id, u.id, u.rank, u.seq, NULL, u.isolation, NULL,
               CASE WHEN is_fair THEN greatest(q.unkeyed_time, q.virtual_time) + (row_number() OVER () - 1) / unkeyed_weight
                    WHEN is_strict THEN max(u.seq) OVER (ROWS UNBOUNDED PRECEDING)
                    ELSE u.seq END,
               row_number() OVER (), NULL, NULL, false, false, false
          FROM (SELECT x.ctid AS row_id, x.id, x.rank, x.seq, x.isolation
                  FROM lapinq_ready x
                 WHERE x.queue_name = q.name
                   AND (x.rank, x.seq) >= (mark_rank, mark_seq)
                   AND x.rank <= max_rank
                   AND (x.expires_at IS NULL OR x.expires_at > lapinq_now())
                   AND (x.isolation < 2 OR isolated > 0)
                 ORDER BY x.queue_name, x.rank, x.seq
                 LIMIT greatest(0, room)
                   FOR UPDATE SKIP LOCKED) AS u
        UNION ALL
        -- Behind the place of the last lane may be others.
        SELECT l.lane, l.key, l.names, NULL, NULL, l.rank, NULL, NULL, NULL, NULL, l.place, NULL, NULL, NULL, false, false, true
          FROM lanes l
         WHERE l.nth = size
    )
    SELECT f.lane, f.key, f.names, f.row_id, f.id, f.rank, f.seq, f.units, f.isolation, f.most,
           CASE WHEN NOT by_priority THEN 0 WHEN f.lane IS NULL THEN f.rank ELSE f.rank - lane_distance END AS first_by,
           f.then_by, f.nth, f.time, f.shift, f.is_behind, f.is_late IS TRUE, f.ends
      FROM found f
     ORDER BY first_by, f.then_by, CASE WHEN is_strict THEN f.nth ELSE f.seq END;
END
$function$;

CREATE OR REPLACE FUNCTION lapinq_window_2(q lapinq_queues, sets text[], shifts double precision[], size integer, room integer, isolated integer, mark_rank bigint, mark_seq bigint, max_rank bigint, first_rank bigint, first_place double precision, limits lapinq_limits[], long_lanes text[])
 RETURNS TABLE(lane text, key text, names text, row_id tid, id uuid, rank bigint, seq bigint, units bigint[], isolation smallint, most integer, first_by bigint, then_by double precision, nth bigint, "time" double precision, shift double precision, is_behind boolean, is_late boolean, ends boolean)
 LANGUAGE plpgsql
 ROWS 100
AS $function$
#variable_conflict use_column
DECLARE
    lane_distance CONSTANT bigint := 2199023255552; -- what the rank of a task in a lane has more
    by_priority CONSTANT boolean := q.start_order = 'priority';
    is_fair CONSTANT boolean := q.start_order = 'fair';
    is_strict CONSTANT boolean := q.start_order = 'strict_per_key';
    lowest CONSTANT bigint := -9223372036854775808; -- rank
    rounding CONSTANT float8 := 1e-12; -- of sums of virtual times
    unkeyed_weight CONSTANT float8 := greatest(0.001, coalesce((q.weights ->> '')::float8, 1));
BEGIN
    RETURN QUERY
    WITH lanes AS MATERIALIZED (
        SELECT l.*, split_part(l.lane, chr(31), 1) AS key, row_number() OVER () AS nth
          FROM (SELECT x.lane, x.names, x.rank, x.place + s.shift AS place, x.head, s.shift
                  FROM unnest(sets, shifts) AS s (names, shift)
                 CROSS JOIN LATERAL (
                       SELECT y.lane, y.names, y.rank, y.place, y.head
                         FROM lapinq_lanes y
                        WHERE y.queue_name = q.name
                          AND y.names = s.names
                          AND y.is_open
                          AND (y.rank, y.place) >= (CASE s.names WHEN '' THEN first_rank ELSE lowest END,
                                                    CASE s.names WHEN '' THEN first_place ELSE '-infinity' END)
                          AND y.rank <= max_rank + lane_distance
                        ORDER BY y.queue_name, y.names, y.rank, y.place
                        LIMIT greatest(0, size)) AS x
                 ORDER BY x.rank, x.place + s.shift
                 LIMIT greatest(0, size)) AS l
    ), capped AS MATERIALIZED (
        SELECT l.lane, l.names, l.rank, l.head, l.shift, l.key,
               -- Later than its key only if another order left it so: the look at it is yet to come.
               CASE WHEN is_fair AND l.names = '' THEN least(l.place, greatest(q.virtual_time, k.virtual_time))
                    ELSE l.place END AS place,
               CASE WHEN l.lane = ANY (long_lanes) THEN room + 1
                         ELSE (SELECT 1 + ceil(room::float8 / count(*)) FROM lanes) END AS at_once,
               greatest(0.001, coalesce((q.weights ->> l.key)::float8, 1)) AS weight,
               is_fair AND coalesce(l.place < k.virtual_time - rounding * greatest(1, k.virtual_time), false)
               OR is_strict AND l.head IS NULL AND l.key > '' AS is_behind,
               CASE WHEN l.key > '' THEN
                    least(CASE WHEN is_strict THEN 1 END,
                          floor(lapinq_tokens(q.rate_per_key, k.tokens, k.tokens_at)),
                          CASE WHEN q.max_running_per_key IS NOT NULL
                               THEN q.max_running_per_key - (SELECT count(*)
                                                               FROM lapinq_running r
                                                              WHERE r.queue_name = q.name
                                                                AND split_part(r.lane, chr(31), 1) = l.key
                                                                AND r.lane IS NOT NULL) END)::integer
               END AS most
          FROM lanes l
          LEFT JOIN LATERAL (
               SELECT x.virtual_time, x.tokens, x.tokens_at
                 FROM lapinq_keys x
                WHERE (is_fair OR q.rate_per_key IS NOT NULL)
                  AND l.key > ''
                  AND x.queue_name = q.name
                  AND x.key = l.key
                LIMIT 1) AS k ON true
    ), found AS (
        SELECT c.lane, c.key, c.names, coalesce(h.row_id, t.row_id) AS row_id, coalesce(h.id, t.id) AS id,
               coalesce(h.rank, t.rank, c.rank) AS rank, coalesce(h.seq, t.seq) AS seq, coalesce(h.units, t.units) AS units,
               coalesce(h.isolation, t.isolation) AS isolation, c.most,
               CASE WHEN is_fair THEN c.place + coalesce(t.cost_before, 0) / c.weight
                    WHEN is_strict THEN coalesce(h.seq, t.last_seq, c.place)
                    ELSE coalesce(t.seq, c.place) END AS then_by,
               coalesce(t.nth, 1) AS nth,
               c.place + coalesce(t.cost_before + t.cost, 0) / c.weight AS "time", c.shift, c.is_behind,
               NOT is_fair AND t.nth = 1 AND (c.rank, c.place) < (CASE WHEN by_priority THEN t.rank ELSE 0 END, t.seq) AS is_late,
               coalesce(t.nth = c.at_once AND (c.most IS NULL OR c.most > c.at_once), false) AS ends
          FROM capped c
          LEFT JOIN LATERAL (
               SELECT x.ctid AS row_id, x.id, x.rank, x.seq, x.units, x.isolation
                 FROM lapinq_ready x
                WHERE c.head IS NOT NULL
                  AND c.most >= 1
                  AND x.id = c.head
                  AND (x.expires_at IS NULL OR x.expires_at > lapinq_now())
                  AND (x.isolation < 2 OR isolated > 0)
                  AND (limits IS NULL OR x.units IS NULL OR NOT lapinq_is_too_large_1(c.names, x.units, limits))
                LIMIT 1
                  FOR UPDATE SKIP LOCKED) AS h ON true
          LEFT JOIN LATERAL (
               SELECT one.*, row_number() OVER so_far AS nth, max(one.seq) OVER so_far AS last_seq,
                      sum(one.cost) OVER so_far - one.cost AS cost_before
                 FROM (SELECT x.ctid AS row_id, x.id, x.rank, x.seq, x.units, x.isolation,
                              CASE WHEN is_fair THEN coalesce((SELECT max(u) FROM unnest(x.units) AS u), 1) ELSE 1 END::float8 AS cost
                         FROM lapinq_ready x
                        WHERE c.head IS NULL
                          AND NOT c.is_behind
                          AND x.queue_name = q.name
                          AND x.lane BETWEEN c.lane AND c.lane
                          AND (x.expires_at IS NULL OR x.expires_at > lapinq_now())
                          AND (x.isolation < 2 OR isolated > 0)
                          AND (limits IS NULL OR x.units IS NULL OR NOT lapinq_is_too_large_1(c.names, x.units, limits))
                        ORDER BY x.queue_name, x.lane, x.rank, x.seq
                        LIMIT greatest(0, least(c.most, c.at_once))
                          FOR UPDATE SKIP LOCKED) AS one
               WINDOW so_far AS (ROWS UNBOUNDED PRECEDING)) AS t ON true
        UNION ALL
        SELECT NULL, '', '', u.row_id, u.id, u.rank, u.seq, NULL, u.isolation, NULL,
               CASE WHEN is_fair THEN greatest(q.unkeyed_time, q.virtual_time) + (row_number() OVER () - 1) / unkeyed_weight
                    WHEN is_strict THEN max(u.seq) OVER (ROWS UNBOUNDED PRECEDING)
                    ELSE u.seq END,
               row_number() OVER (), NULL, NULL, false, false, false
          FROM (SELECT x.ctid AS row_id, x.id, x.rank, x.seq, x.isolation
                  FROM lapinq_ready x
                 WHERE x.queue_name = q.name
                   AND (x.rank, x.seq) >= (mark_rank, mark_seq)
                   AND x.rank <= max_rank
                   AND (x.expires_at IS NULL OR x.expires_at > lapinq_now())
                   AND (x.isolation < 2 OR isolated > 0)
                 ORDER BY x.queue_name, x.rank, x.seq
                 LIMIT greatest(0, room)
                   FOR UPDATE SKIP LOCKED) AS u
        UNION ALL
        -- Behind the place of the last lane may be others.
        SELECT l.lane, l.key, l.names, NULL, NULL, l.rank, NULL, NULL, NULL, NULL, l.place, NULL, NULL, NULL,
               false, false, true
          FROM lanes l
         WHERE l.nth = size
    )
    SELECT f.lane, f.key, f.names, f.row_id, f.id, f.rank, f.seq, f.units, f.isolation, f.most,
           CASE WHEN NOT by_priority THEN 0 WHEN f.lane IS NULL THEN f.rank ELSE f.rank - lane_distance END AS first_by,
           f.then_by, f.nth, f.time, f.shift, f.is_behind, f.is_late IS TRUE, f.ends
      FROM found f
     ORDER BY first_by, f.then_by, CASE WHEN is_strict THEN f.nth ELSE f.seq END;
END
$function$;

CREATE SEQUENCE lapinq_claim_seq AS bigint START 1 INCREMENT 1 CACHE 1 OWNED BY lapinq_running.seq;

CREATE SEQUENCE lapinq_signal_seq AS bigint START 1000000000000 INCREMENT 1 CACHE 1;

CREATE TABLE lapinq_api_keys (
    id           bigint NOT NULL GENERATED ALWAYS AS IDENTITY (CACHE 1),
    name         text NOT NULL,
    key_hash     bytea NOT NULL,
    hint         text NOT NULL,
    scopes       text[] NOT NULL,
    created_by   text NOT NULL,
    created_at   timestamp with time zone NOT NULL,
    last_used_at timestamp with time zone,
    owner_id     bigint,
    queues       text[],
    expires_at   timestamp with time zone,
    CONSTRAINT lapinq_api_keys_key_hash_key UNIQUE (key_hash),
    CONSTRAINT lapinq_api_keys_name_key UNIQUE (name),
    CONSTRAINT lapinq_api_keys_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES lapinq_users(id) ON DELETE CASCADE,
    CONSTRAINT lapinq_api_keys_pkey PRIMARY KEY (id),
    CONSTRAINT lapinq_api_keys_queues_check CHECK ((cardinality(queues) > 0)),
    CONSTRAINT lapinq_api_keys_scopes_check CHECK ((scopes <@ ARRAY['enqueue'::text, 'read'::text, 'manage'::text, 'schedule'::text]))
);

CREATE TABLE lapinq_attempts (
    task_id          uuid NOT NULL,
    attempt          integer NOT NULL,
    final            boolean NOT NULL,
    outcome          text NOT NULL,
    result           text,
    error            text,
    traceback        text,
    run_seconds      double precision,
    claimed_at       timestamp with time zone,
    finished_at      timestamp with time zone NOT NULL,
    worker_id        uuid,
    token            uuid,
    logs             text,
    progress         smallint,
    progress_message text,
    requeued_at      timestamp with time zone,
    requeued_by      text,
    profile          bytea,
    left_out         integer,
    CONSTRAINT lapinq_attempts_outcome_check CHECK (((outcome = ANY (ARRAY['completed'::text, 'failed'::text, 'cancelled'::text, 'expired'::text])) OR ((NOT final) AND (outcome = 'released'::text))))
) PARTITION BY RANGE (task_id);
CREATE INDEX lapinq_attempts_earlier ON lapinq_attempts USING btree (task_id, finished_at) WHERE (NOT final);
CREATE UNIQUE INDEX lapinq_attempts_final ON lapinq_attempts USING btree (task_id) INCLUDE (outcome) WHERE final;
CREATE INDEX lapinq_attempts_unsuccessful ON lapinq_attempts USING btree (outcome, task_id) WHERE (final AND (outcome <> 'completed'::text));

CREATE TABLE lapinq_attempts_default PARTITION OF lapinq_attempts DEFAULT;

CREATE TABLE lapinq_audit (
    id         bigint NOT NULL GENERATED ALWAYS AS IDENTITY (CACHE 1),
    at         timestamp with time zone NOT NULL,
    actor_kind text NOT NULL,
    actor_id   bigint,
    actor      text NOT NULL,
    action     text NOT NULL,
    target     text,
    details    jsonb,
    address    text,
    request_id text,
    CONSTRAINT lapinq_audit_actor_kind_check CHECK ((actor_kind = ANY (ARRAY['user'::text, 'key'::text, 'anonymous'::text, 'command line'::text]))),
    CONSTRAINT lapinq_audit_pkey PRIMARY KEY (id)
);
CREATE INDEX lapinq_audit_action ON lapinq_audit USING btree (action, id);
CREATE INDEX lapinq_audit_actor ON lapinq_audit USING btree (actor, id);
CREATE INDEX lapinq_audit_at ON lapinq_audit USING btree (at);
CREATE INDEX lapinq_audit_target ON lapinq_audit USING btree (target, id);

CREATE TABLE lapinq_bulk_actions (
    id              uuid NOT NULL,
    verb            text NOT NULL,
    filters         jsonb NOT NULL,
    named_arguments text,
    queues          text[],
    expected        bigint,
    actor_kind      text NOT NULL,
    actor_id        bigint,
    actor           text NOT NULL,
    entry_id        bigint NOT NULL,
    created_at      timestamp with time zone NOT NULL,
    until           uuid,
    reached         uuid,
    remaining       uuid[] NOT NULL DEFAULT '{}'::uuid[],
    done            bigint NOT NULL DEFAULT 0,
    skipped         bigint NOT NULL DEFAULT 0,
    token           uuid,
    free_at         timestamp with time zone NOT NULL,
    ended_at        timestamp with time zone,
    outcome         text,
    stopped_by      text,
    error           text,
    CONSTRAINT lapinq_bulk_actions_ended_check CHECK (((outcome IS NULL) = (ended_at IS NULL))),
    CONSTRAINT lapinq_bulk_actions_outcome_check CHECK ((outcome = ANY (ARRAY['completed'::text, 'stopped'::text, 'failed'::text]))),
    CONSTRAINT lapinq_bulk_actions_pkey PRIMARY KEY (id),
    CONSTRAINT lapinq_bulk_actions_verb_check CHECK ((verb = ANY (ARRAY['cancel'::text, 'delete'::text, 'requeue'::text, 'run'::text])))
);
CREATE INDEX lapinq_bulk_actions_ended_at ON lapinq_bulk_actions USING btree (ended_at) WHERE (ended_at IS NOT NULL);
CREATE INDEX lapinq_bulk_actions_free_at ON lapinq_bulk_actions USING btree (free_at) WHERE (ended_at IS NULL);

CREATE TABLE lapinq_circuit_breaker_counts (
    queue_name text,
    task_name  text,
    kind       text NOT NULL GENERATED ALWAYS AS STORED
CASE
    WHEN (task_name IS NULL) THEN 'queue'::text
    ELSE 'task'::text
END,
    name       text NOT NULL GENERATED ALWAYS AS STORED COALESCE(queue_name, task_name),
    slice      bigint NOT NULL,
    failures   integer NOT NULL,
    attempts   integer NOT NULL,
    CONSTRAINT lapinq_circuit_breaker_counts_pkey PRIMARY KEY (kind, name, slice),
    CONSTRAINT lapinq_circuit_breaker_counts_queue_name_key UNIQUE (queue_name, slice),
    CONSTRAINT lapinq_circuit_breaker_counts_task_name_key UNIQUE (task_name, slice)
);

CREATE TABLE lapinq_circuit_breaker_starts (
    kind       text NOT NULL,
    name       text NOT NULL,
    seq        bigint NOT NULL,
    task_id    uuid NOT NULL,
    claimed_at timestamp with time zone NOT NULL,
    CONSTRAINT lapinq_circuit_breaker_starts_pkey PRIMARY KEY (kind, name, seq)
) WITH (autovacuum_vacuum_scale_factor=0.01, autovacuum_vacuum_threshold=1000, autovacuum_vacuum_cost_delay=0);

CREATE TABLE lapinq_circuit_breakers (
    queue_name          text,
    task_name           text,
    kind                text NOT NULL GENERATED ALWAYS AS STORED
CASE
    WHEN (task_name IS NULL) THEN 'queue'::text
    ELSE 'task'::text
END,
    name                text NOT NULL GENERATED ALWAYS AS STORED COALESCE(queue_name, task_name),
    failures_in_row     integer,
    failure_share       double precision,
    window_seconds      double precision NOT NULL,
    least_attempts      integer NOT NULL,
    retry_after_seconds double precision NOT NULL,
    source              text,
    state               text NOT NULL DEFAULT 'closed'::text,
    since               timestamp with time zone NOT NULL,
    since_seq           bigint NOT NULL,
    first_seq           bigint NOT NULL DEFAULT 0,
    in_row              integer NOT NULL DEFAULT 0,
    failures            integer,
    attempts            integer,
    failed_task_id      uuid,
    opened_at           timestamp with time zone,
    pause_seconds       double precision,
    tries_at            timestamp with time zone,
    probe_id            uuid,
    probe_seq           bigint,
    judged_at           timestamp with time zone,
    told_state          text NOT NULL DEFAULT 'closed'::text,
    let_go              uuid[] NOT NULL DEFAULT '{}'::uuid[],
    let_go_at           timestamp with time zone,
    CONSTRAINT lapinq_circuit_breakers_failure_share_check CHECK (((failure_share > (0)::double precision) AND (failure_share <= (1)::double precision))),
    CONSTRAINT lapinq_circuit_breakers_failures_in_row_check CHECK ((failures_in_row >= 1)),
    CONSTRAINT lapinq_circuit_breakers_least_attempts_check CHECK ((least_attempts >= 1)),
    CONSTRAINT lapinq_circuit_breakers_name_check CHECK ((num_nonnulls(queue_name, task_name) = 1)),
    CONSTRAINT lapinq_circuit_breakers_open_check CHECK (((state = 'closed'::text) OR (num_nulls(failures, opened_at, pause_seconds, tries_at) = 0))),
    CONSTRAINT lapinq_circuit_breakers_pkey PRIMARY KEY (kind, name),
    CONSTRAINT lapinq_circuit_breakers_queue_name_key UNIQUE (queue_name),
    CONSTRAINT lapinq_circuit_breakers_retry_after_seconds_check CHECK ((retry_after_seconds > (0)::double precision)),
    CONSTRAINT lapinq_circuit_breakers_rule_check CHECK ((num_nonnulls(failures_in_row, failure_share) > 0)),
    CONSTRAINT lapinq_circuit_breakers_state_check CHECK ((state = ANY (ARRAY['closed'::text, 'open'::text, 'half_open'::text]))),
    CONSTRAINT lapinq_circuit_breakers_task_name_key UNIQUE (task_name),
    CONSTRAINT lapinq_circuit_breakers_window_seconds_check CHECK ((window_seconds > (0)::double precision))
);

CREATE TABLE lapinq_counts (
    queue_name text NOT NULL,
    pending    bigint NOT NULL DEFAULT 0,
    completed  bigint NOT NULL DEFAULT 0,
    failed     bigint NOT NULL DEFAULT 0,
    cancelled  bigint NOT NULL DEFAULT 0,
    expired    bigint NOT NULL DEFAULT 0
) WITH (autovacuum_vacuum_scale_factor=0.01, autovacuum_vacuum_threshold=1000, autovacuum_vacuum_cost_delay=0);

CREATE TABLE lapinq_decisions (
    id         bigint NOT NULL GENERATED ALWAYS AS IDENTITY (CACHE 1),
    task_id    uuid NOT NULL,
    name       text NOT NULL,
    step       text NOT NULL,
    occurrence integer NOT NULL,
    title      text,
    question   text,
    schema     text,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    decided_at timestamp with time zone,
    decided_by text,
    CONSTRAINT lapinq_decisions_pkey PRIMARY KEY (id),
    CONSTRAINT lapinq_decisions_place UNIQUE (task_id, name, step, occurrence)
);

CREATE TABLE lapinq_delayed (
    id         uuid NOT NULL,
    due_at     timestamp with time zone NOT NULL,
    queue_name text NOT NULL,
    rank       bigint NOT NULL,
    starts     integer NOT NULL DEFAULT 0,
    expires_at timestamp with time zone,
    isolation  smallint NOT NULL DEFAULT 0,
    lane       text COLLATE "C",
    units      bigint[],
    parked_for text,
    parked_seq bigint,
    CONSTRAINT lapinq_delayed_pkey PRIMARY KEY (id)
) WITH (autovacuum_vacuum_scale_factor=0.01, autovacuum_vacuum_threshold=1000, autovacuum_vacuum_cost_delay=0);
CREATE INDEX lapinq_delayed_due_at ON lapinq_delayed USING btree (due_at, id);
CREATE INDEX lapinq_delayed_expires_at ON lapinq_delayed USING btree (expires_at) WHERE (expires_at IS NOT NULL);
CREATE INDEX lapinq_delayed_keys ON lapinq_delayed USING btree (queue_name, LEAST(starts, 1), id) WHERE (lane IS NOT NULL);
CREATE INDEX lapinq_delayed_parked ON lapinq_delayed USING btree (parked_for, queue_name, rank, parked_seq) WHERE (parked_for IS NOT NULL);
CREATE INDEX lapinq_delayed_parked_due ON lapinq_delayed USING btree (due_at) WHERE (parked_for IS NOT NULL);

CREATE TABLE lapinq_error_counts (
    group_id bigint NOT NULL,
    span     integer NOT NULL,
    since    timestamp with time zone NOT NULL,
    failed   bigint NOT NULL DEFAULT 0,
    retried  bigint NOT NULL DEFAULT 0,
    CONSTRAINT lapinq_error_counts_group_id_fkey FOREIGN KEY (group_id) REFERENCES lapinq_error_groups(id) ON DELETE CASCADE
) WITH (autovacuum_vacuum_scale_factor=0.01, autovacuum_vacuum_threshold=1000, autovacuum_vacuum_cost_delay=0);
CREATE INDEX lapinq_error_counts_group ON lapinq_error_counts USING btree (group_id, span, since);
CREATE INDEX lapinq_error_counts_since ON lapinq_error_counts USING btree (span, since);

CREATE TABLE lapinq_error_groups (
    id           bigint NOT NULL GENERATED ALWAYS AS IDENTITY (CACHE 1),
    fingerprint  bytea NOT NULL,
    queue_name   text NOT NULL,
    task_name    text NOT NULL,
    kind         text NOT NULL,
    state        text NOT NULL DEFAULT 'open'::text,
    state_by     text,
    state_at     timestamp with time zone,
    state_reason text,
    muted_until  timestamp with time zone,
    regressed_at timestamp with time zone,
    first_at     timestamp with time zone NOT NULL,
    last_at      timestamp with time zone NOT NULL,
    failed       bigint NOT NULL DEFAULT 0,
    retried      bigint NOT NULL DEFAULT 0,
    sample_task  uuid,
    sample_error text,
    sample_frame text,
    releases     text[] NOT NULL DEFAULT '{}'::text[],
    workers      text[] NOT NULL DEFAULT '{}'::text[],
    place        text,
    samples      text[] NOT NULL DEFAULT '{}'::text[],
    CONSTRAINT lapinq_error_groups_fingerprint_key UNIQUE (fingerprint),
    CONSTRAINT lapinq_error_groups_pkey PRIMARY KEY (id),
    CONSTRAINT lapinq_error_groups_state_check CHECK ((state = ANY (ARRAY['open'::text, 'resolved'::text, 'muted'::text, 'regressed'::text])))
) WITH (autovacuum_vacuum_scale_factor=0.01, autovacuum_vacuum_threshold=1000, autovacuum_vacuum_cost_delay=0);
CREATE INDEX lapinq_error_groups_last_at ON lapinq_error_groups USING btree (last_at);
CREATE INDEX lapinq_error_groups_queue ON lapinq_error_groups USING btree (queue_name, last_at);
CREATE INDEX lapinq_error_groups_state ON lapinq_error_groups USING btree (state, last_at);
CREATE INDEX lapinq_error_groups_task ON lapinq_error_groups USING btree (queue_name, task_name, last_at);

CREATE TABLE lapinq_error_merges (
    fingerprint bytea NOT NULL,
    group_id    bigint NOT NULL,
    kind        text NOT NULL,
    place       text,
    merged_by   text,
    merged_at   timestamp with time zone NOT NULL,
    CONSTRAINT lapinq_error_merges_group_id_fkey FOREIGN KEY (group_id) REFERENCES lapinq_error_groups(id) ON DELETE CASCADE,
    CONSTRAINT lapinq_error_merges_pkey PRIMARY KEY (fingerprint)
);
CREATE INDEX lapinq_error_merges_group ON lapinq_error_merges USING btree (group_id);

CREATE TABLE lapinq_idempotency_keys (
    key        text NOT NULL,
    digest     bytea NOT NULL,
    task_ids   uuid[] NOT NULL,
    created_at timestamp with time zone NOT NULL,
    met        json,
    CONSTRAINT lapinq_idempotency_keys_pkey PRIMARY KEY (key)
);
CREATE INDEX lapinq_idempotency_keys_created_at ON lapinq_idempotency_keys USING btree (created_at);

CREATE TABLE lapinq_invitations (
    token_hash bytea NOT NULL,
    user_id    bigint NOT NULL,
    purpose    text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    created_by text NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    used_at    timestamp with time zone,
    CONSTRAINT lapinq_invitations_pkey PRIMARY KEY (token_hash),
    CONSTRAINT lapinq_invitations_purpose_check CHECK ((purpose = ANY (ARRAY['invite'::text, 'reset'::text]))),
    CONSTRAINT lapinq_invitations_user_id_fkey FOREIGN KEY (user_id) REFERENCES lapinq_users(id) ON DELETE CASCADE
);
CREATE INDEX lapinq_invitations_expires_at ON lapinq_invitations USING btree (expires_at);
CREATE INDEX lapinq_invitations_user_id ON lapinq_invitations USING btree (user_id);

CREATE TABLE lapinq_keys (
    queue_name   text NOT NULL,
    key          text COLLATE "C" NOT NULL,
    virtual_time double precision NOT NULL DEFAULT 0,
    tokens       double precision,
    tokens_at    timestamp with time zone,
    holder       uuid,
    changed_at   timestamp with time zone NOT NULL,
    CONSTRAINT lapinq_keys_pkey PRIMARY KEY (queue_name, key)
) WITH (autovacuum_vacuum_scale_factor=0.01, autovacuum_vacuum_threshold=1000, autovacuum_vacuum_cost_delay=0);

CREATE TABLE lapinq_lane_news (
    queue_name text NOT NULL,
    seq        bigint NOT NULL GENERATED ALWAYS AS IDENTITY (CACHE 1),
    lanes      text[] COLLATE "C" NOT NULL,
    returned   boolean NOT NULL DEFAULT false,
    rank       bigint,
    CONSTRAINT lapinq_lane_news_pkey PRIMARY KEY (queue_name, seq)
) WITH (autovacuum_vacuum_scale_factor=0.01, autovacuum_vacuum_threshold=1000, autovacuum_vacuum_cost_delay=0);

CREATE TABLE lapinq_lanes (
    queue_name text NOT NULL,
    lane       text COLLATE "C" NOT NULL,
    names      text COLLATE "C" NOT NULL,
    is_open    boolean NOT NULL,
    rank       bigint NOT NULL,
    place      double precision NOT NULL,
    head       uuid,
    opens_at   timestamp with time zone,
    changed_at timestamp with time zone NOT NULL,
    CONSTRAINT lapinq_lanes_pkey PRIMARY KEY (queue_name, lane)
) WITH (autovacuum_vacuum_scale_factor=0.01, autovacuum_vacuum_threshold=1000, autovacuum_vacuum_cost_delay=0);
CREATE INDEX lapinq_lanes_open ON lapinq_lanes USING btree (queue_name, names, rank, place) WHERE is_open;
CREATE INDEX lapinq_lanes_opens_at ON lapinq_lanes USING btree (queue_name, opens_at) WHERE (opens_at IS NOT NULL);

CREATE TABLE lapinq_levels (
    span       integer NOT NULL,
    since      timestamp with time zone NOT NULL,
    queue_name text NOT NULL,
    sampled_at timestamp with time zone NOT NULL,
    ready      bigint,
    running    bigint NOT NULL,
    CONSTRAINT lapinq_levels_pkey PRIMARY KEY (span, since, queue_name)
);

CREATE TABLE lapinq_limit_news (
    limit_name   text COLLATE "C" NOT NULL,
    seq          bigint NOT NULL GENERATED ALWAYS AS IDENTITY (CACHE 1),
    units        double precision NOT NULL DEFAULT 0,
    closed_until timestamp with time zone,
    CONSTRAINT lapinq_limit_news_pkey PRIMARY KEY (limit_name, seq)
) WITH (autovacuum_vacuum_scale_factor=0.01, autovacuum_vacuum_threshold=1000, autovacuum_vacuum_cost_delay=0);

CREATE TABLE lapinq_limits (
    name           text COLLATE "C" NOT NULL,
    max_running    integer,
    rate           jsonb,
    tokens         double precision,
    tokens_at      timestamp with time zone,
    closed_until   timestamp with time zone,
    created_at     timestamp with time zone NOT NULL,
    fence          bigint,
    reserved_by    text,
    reserved_units double precision,
    reserved_until timestamp with time zone,
    source         text,
    CONSTRAINT lapinq_limits_max_running_check CHECK ((max_running >= 1)),
    CONSTRAINT lapinq_limits_pkey PRIMARY KEY (name)
);

CREATE TABLE lapinq_links (
    token_hash  bytea NOT NULL,
    decision_id bigint NOT NULL,
    expires_at  timestamp with time zone NOT NULL,
    CONSTRAINT lapinq_links_decision_id_fkey FOREIGN KEY (decision_id) REFERENCES lapinq_decisions(id) ON DELETE CASCADE,
    CONSTRAINT lapinq_links_pkey PRIMARY KEY (token_hash)
);
CREATE INDEX lapinq_links_decision_id ON lapinq_links USING btree (decision_id);

CREATE TABLE lapinq_login_tries (
    key   text NOT NULL,
    since timestamp with time zone NOT NULL,
    tries integer NOT NULL,
    CONSTRAINT lapinq_login_tries_pkey PRIMARY KEY (key)
);
CREATE INDEX lapinq_login_tries_since ON lapinq_login_tries USING btree (since);

CREATE TABLE lapinq_notices (
    id         bigint NOT NULL GENERATED ALWAYS AS IDENTITY (CACHE 1),
    rule_id    bigint NOT NULL,
    event      text NOT NULL,
    details    jsonb NOT NULL,
    state      text NOT NULL DEFAULT 'pending'::text,
    tries      integer NOT NULL DEFAULT 0,
    created_at timestamp with time zone NOT NULL,
    tried_at   timestamp with time zone,
    answer     smallint,
    failure    text,
    CONSTRAINT lapinq_notices_pkey PRIMARY KEY (id),
    CONSTRAINT lapinq_notices_rule_id_fkey FOREIGN KEY (rule_id) REFERENCES lapinq_notify_rules(id) ON DELETE CASCADE,
    CONSTRAINT lapinq_notices_state_check CHECK ((state = ANY (ARRAY['pending'::text, 'sent'::text, 'given_up'::text])))
);
CREATE INDEX lapinq_notices_ended ON lapinq_notices USING btree (tried_at) WHERE (state <> 'pending'::text);
CREATE INDEX lapinq_notices_pending ON lapinq_notices USING btree (rule_id, id) WHERE (state = 'pending'::text);
CREATE INDEX lapinq_notices_rule ON lapinq_notices USING btree (rule_id, id);

CREATE TABLE lapinq_notify_conditions (
    rule_id bigint NOT NULL,
    event   text NOT NULL,
    subject text NOT NULL,
    since   timestamp with time zone NOT NULL,
    told_at timestamp with time zone,
    CONSTRAINT lapinq_notify_conditions_pkey PRIMARY KEY (rule_id, event, subject),
    CONSTRAINT lapinq_notify_conditions_rule_id_fkey FOREIGN KEY (rule_id) REFERENCES lapinq_notify_rules(id) ON DELETE CASCADE
);

CREATE TABLE lapinq_notify_rules (
    id              bigint NOT NULL GENERATED ALWAYS AS IDENTITY (CACHE 1),
    name            text NOT NULL,
    kind            text NOT NULL,
    url             text,
    addresses       text[],
    events          text[] NOT NULL,
    queues          text[],
    backlog_seconds double precision NOT NULL,
    is_enabled      boolean NOT NULL DEFAULT true,
    version         integer NOT NULL DEFAULT 1,
    created_at      timestamp with time zone NOT NULL,
    created_by      text NOT NULL,
    updated_at      timestamp with time zone NOT NULL,
    next_at         timestamp with time zone NOT NULL,
    taken_until     timestamp with time zone,
    left_out        bigint NOT NULL DEFAULT 0,
    CONSTRAINT lapinq_notify_rules_events_check CHECK (((events <> '{}'::text[]) AND (events <@ ARRAY['error.new'::text, 'error.regressed'::text, 'backlog'::text, 'worker.dead'::text, 'breaker'::text, 'wait'::text, 'blocked'::text]))),
    CONSTRAINT lapinq_notify_rules_kind_check CHECK ((kind = ANY (ARRAY['webhook'::text, 'slack'::text, 'mail'::text]))),
    CONSTRAINT lapinq_notify_rules_name_key UNIQUE (name),
    CONSTRAINT lapinq_notify_rules_pkey PRIMARY KEY (id),
    CONSTRAINT lapinq_notify_rules_where_check CHECK ((((kind = 'mail'::text) = (url IS NULL)) AND ((kind = 'mail'::text) = (addresses IS NOT NULL))))
);

CREATE TABLE lapinq_places (
    seq        bigint NOT NULL GENERATED ALWAYS AS IDENTITY (CACHE 1),
    places     jsonb NOT NULL,
    counted_at timestamp with time zone NOT NULL,
    CONSTRAINT lapinq_places_pkey PRIMARY KEY (seq)
);

CREATE TABLE lapinq_queues (
    name                text NOT NULL,
    paused_at           timestamp with time zone,
    paused_by           text,
    pause_reason        text,
    max_running         integer,
    max_running_per_key integer,
    rate                jsonb,
    rate_per_key        jsonb,
    start_order         text NOT NULL DEFAULT 'priority'::text,
    weights             jsonb,
    is_laned            boolean NOT NULL DEFAULT false,
    tokens              double precision,
    tokens_at           timestamp with time zone,
    virtual_time        double precision NOT NULL DEFAULT 0,
    unkeyed_time        double precision NOT NULL DEFAULT 0,
    governed_xid        bigint,
    governed_at         timestamp with time zone,
    has_breaker         boolean NOT NULL DEFAULT false,
    is_governed         boolean NOT NULL DEFAULT false,
    lane_shifts         jsonb,
    fence               bigint,
    policy_source       text,
    CONSTRAINT lapinq_queues_max_running_check CHECK ((max_running >= 1)),
    CONSTRAINT lapinq_queues_max_running_per_key_check CHECK ((max_running_per_key >= 1)),
    CONSTRAINT lapinq_queues_pkey PRIMARY KEY (name),
    CONSTRAINT lapinq_queues_start_order_check CHECK ((start_order = ANY (ARRAY['priority'::text, 'fair'::text, 'strict_per_key'::text])))
);

CREATE TABLE lapinq_ready (
    queue_name text NOT NULL,
    rank       bigint NOT NULL,
    seq        bigint NOT NULL GENERATED ALWAYS AS IDENTITY (CACHE 1),
    id         uuid NOT NULL,
    starts     integer NOT NULL DEFAULT 0,
    expires_at timestamp with time zone,
    isolation  smallint NOT NULL DEFAULT 0,
    since      timestamp with time zone,
    lane       text COLLATE "C",
    units      bigint[],
    CONSTRAINT lapinq_ready_pkey PRIMARY KEY (id)
) WITH (autovacuum_vacuum_scale_factor=0.01, autovacuum_vacuum_threshold=1000, autovacuum_vacuum_cost_delay=0);
CREATE INDEX lapinq_ready_claim ON lapinq_ready USING btree (queue_name, rank, seq);
CREATE INDEX lapinq_ready_expires_at ON lapinq_ready USING btree (expires_at) WHERE (expires_at IS NOT NULL);
CREATE INDEX lapinq_ready_lane ON lapinq_ready USING btree (queue_name, lane, rank, seq) WHERE (lane IS NOT NULL);
CREATE INDEX lapinq_ready_lost ON lapinq_ready USING btree (queue_name) WHERE ((lane IS NULL) AND (rank > '1099511627776'::bigint));
CREATE INDEX lapinq_ready_units ON lapinq_ready USING btree (split_part(lane, chr(31), 2), queue_name, rank, seq) WHERE (units IS NOT NULL);

CREATE TABLE lapinq_rollups (
    span       integer NOT NULL,
    since      timestamp with time zone NOT NULL,
    queue_name text NOT NULL,
    started    bigint NOT NULL DEFAULT 0,
    completed  bigint NOT NULL DEFAULT 0,
    failed     bigint NOT NULL DEFAULT 0,
    runs       bigint[] NOT NULL DEFAULT '{}'::bigint[],
    waits      bigint[] NOT NULL DEFAULT '{}'::bigint[],
    retried    bigint NOT NULL DEFAULT 0
) WITH (autovacuum_vacuum_scale_factor=0.01, autovacuum_vacuum_threshold=1000, autovacuum_vacuum_cost_delay=0);
CREATE INDEX lapinq_rollups_queue ON lapinq_rollups USING btree (span, queue_name, since);
CREATE INDEX lapinq_rollups_since ON lapinq_rollups USING btree (span, since);

CREATE TABLE lapinq_running (
    id                  uuid NOT NULL,
    token               uuid NOT NULL,
    seq                 bigint NOT NULL DEFAULT nextval('lapinq_claim_seq'::regclass),
    worker_id           uuid NOT NULL,
    queue_name          text NOT NULL,
    rank                bigint NOT NULL,
    attempt             integer NOT NULL,
    claimed_at          timestamp with time zone NOT NULL,
    deadline_at         timestamp with time zone NOT NULL,
    expires_at          timestamp with time zone,
    progress            smallint,
    progress_message    text,
    cancel_requested_at timestamp with time zone,
    isolation           smallint NOT NULL DEFAULT 0,
    has_webhook         boolean,
    logs                text,
    lane                text COLLATE "C",
    units               bigint[],
    CONSTRAINT lapinq_running_pkey PRIMARY KEY (id),
    CONSTRAINT lapinq_running_progress_check CHECK (((progress >= 0) AND (progress <= 100)))
) WITH (autovacuum_vacuum_scale_factor=0.01, autovacuum_vacuum_threshold=1000, autovacuum_vacuum_cost_delay=0);
CREATE INDEX lapinq_running_cancel_requested ON lapinq_running USING btree (worker_id) WHERE (cancel_requested_at IS NOT NULL);
CREATE INDEX lapinq_running_key ON lapinq_running USING btree (queue_name, split_part(lane, chr(31), 1)) WHERE (lane IS NOT NULL);
CREATE INDEX lapinq_running_units ON lapinq_running USING btree (id) WHERE (units IS NOT NULL);

CREATE TABLE lapinq_schedule_slots (
    schedule_id bigint NOT NULL,
    task_id     uuid NOT NULL,
    CONSTRAINT lapinq_schedule_slots_pkey PRIMARY KEY (schedule_id),
    CONSTRAINT lapinq_schedule_slots_schedule_id_fkey FOREIGN KEY (schedule_id) REFERENCES lapinq_schedules(id) ON DELETE CASCADE
);

CREATE TABLE lapinq_schedules (
    id              bigint NOT NULL GENERATED ALWAYS AS IDENTITY (CACHE 1),
    name            text NOT NULL,
    task_name       text NOT NULL,
    module_path     text NOT NULL,
    queue_name      text NOT NULL,
    args            json NOT NULL,
    kwargs          json NOT NULL,
    max_retries     integer NOT NULL,
    priority        integer NOT NULL,
    retry_delay     double precision NOT NULL,
    retry_backoff   boolean NOT NULL,
    ttl_seconds     double precision,
    metadata        jsonb,
    webhook_url     text,
    timeout_seconds double precision,
    cron            text,
    every_seconds   integer,
    timezone        text NOT NULL,
    anchor_at       timestamp with time zone NOT NULL,
    starts_at       timestamp with time zone,
    ends_at         timestamp with time zone,
    jitter          double precision NOT NULL,
    misfire         text NOT NULL,
    misfire_limit   integer NOT NULL,
    overlap         text NOT NULL,
    paused_at       timestamp with time zone,
    paused_by       text,
    pause_reason    text,
    source          text,
    version         integer NOT NULL DEFAULT 1,
    next_fire_at    timestamp with time zone,
    created_at      timestamp with time zone NOT NULL,
    updated_at      timestamp with time zone NOT NULL,
    updated_by      text NOT NULL,
    key             text,
    limits          jsonb,
    CONSTRAINT lapinq_schedules_misfire_check CHECK ((misfire = ANY (ARRAY['latest'::text, 'skip'::text, 'all'::text]))),
    CONSTRAINT lapinq_schedules_name_key UNIQUE (name),
    CONSTRAINT lapinq_schedules_overlap_check CHECK ((overlap = ANY (ARRAY['allow'::text, 'skip'::text, 'queue_one'::text, 'cancel_previous'::text]))),
    CONSTRAINT lapinq_schedules_paused_check CHECK (((paused_at IS NULL) OR (next_fire_at IS NULL))),
    CONSTRAINT lapinq_schedules_pkey PRIMARY KEY (id),
    CONSTRAINT lapinq_schedules_when_check CHECK ((num_nonnulls(cron, every_seconds) = 1))
);
CREATE INDEX lapinq_schedules_next_fire_at ON lapinq_schedules USING btree (next_fire_at, id) WHERE (next_fire_at IS NOT NULL);

CREATE TABLE lapinq_schema_version (
    version_num character varying(32) NOT NULL,
    CONSTRAINT lapinq_schema_version_pkc PRIMARY KEY (version_num)
);

CREATE TABLE lapinq_sessions (
    token_hash bytea NOT NULL,
    id         uuid NOT NULL DEFAULT gen_random_uuid(),
    user_id    bigint NOT NULL,
    address    text,
    user_agent text,
    created_at timestamp with time zone NOT NULL,
    seen_at    timestamp with time zone NOT NULL,
    CONSTRAINT lapinq_sessions_id_key UNIQUE (id),
    CONSTRAINT lapinq_sessions_pkey PRIMARY KEY (token_hash),
    CONSTRAINT lapinq_sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES lapinq_users(id) ON DELETE CASCADE
);
CREATE INDEX lapinq_sessions_user_id ON lapinq_sessions USING btree (user_id);

CREATE TABLE lapinq_steps (
    task_id    uuid NOT NULL,
    name       text NOT NULL,
    occurrence bigint NOT NULL,
    kind       text NOT NULL,
    outcome    text,
    result     text,
    started_at timestamp with time zone NOT NULL,
    ended_at   timestamp with time zone,
    due_at     timestamp with time zone,
    attempt    integer NOT NULL,
    claim_seq  bigint,
    token      uuid,
    version    text,
    names      text[],
    child_id   uuid,
    CONSTRAINT lapinq_steps_kind_check CHECK ((kind = ANY (ARRAY['step'::text, 'sleep'::text, 'signal'::text, 'task'::text, 'spawn'::text, 'sent'::text, 'lock'::text]))),
    CONSTRAINT lapinq_steps_outcome_check CHECK ((outcome = ANY (ARRAY['completed'::text, 'timed_out'::text, 'failed'::text]))),
    CONSTRAINT lapinq_steps_pkey PRIMARY KEY (task_id, name, occurrence)
) WITH (fillfactor=90, autovacuum_vacuum_scale_factor=0.01, autovacuum_vacuum_threshold=1000, autovacuum_vacuum_cost_delay=0);
CREATE INDEX lapinq_steps_child ON lapinq_steps USING btree (child_id, task_id) WHERE ((kind = 'task'::text) AND (ended_at IS NULL));
CREATE INDEX lapinq_steps_open ON lapinq_steps USING btree (task_id) WHERE (ended_at IS NULL);
CREATE INDEX lapinq_steps_waiting ON lapinq_steps USING btree (started_at, task_id) WHERE ((kind = 'signal'::text) AND (ended_at IS NULL));

CREATE TABLE lapinq_task_rollups (
    span         integer NOT NULL,
    since        timestamp with time zone NOT NULL,
    queue_name   text NOT NULL,
    task_name    text NOT NULL,
    completed    bigint NOT NULL DEFAULT 0,
    failed       bigint NOT NULL DEFAULT 0,
    retried      bigint NOT NULL DEFAULT 0,
    runs         bigint[] NOT NULL DEFAULT '{}'::bigint[],
    slow_ids     uuid[] NOT NULL DEFAULT '{}'::uuid[],
    slow_seconds double precision[] NOT NULL DEFAULT '{}'::double precision[]
) WITH (autovacuum_vacuum_scale_factor=0.01, autovacuum_vacuum_threshold=1000, autovacuum_vacuum_cost_delay=0);
CREATE INDEX lapinq_task_rollups_queue ON lapinq_task_rollups USING btree (queue_name, span, since);
CREATE INDEX lapinq_task_rollups_since ON lapinq_task_rollups USING btree (span, since);
CREATE INDEX lapinq_task_rollups_task ON lapinq_task_rollups USING btree (task_name, span, since);

CREATE TABLE lapinq_tasks (
    id              uuid NOT NULL,
    queue_name      text NOT NULL,
    task_name       text NOT NULL,
    module_path     text NOT NULL,
    args            json NOT NULL,
    kwargs          json NOT NULL,
    max_retries     integer NOT NULL,
    priority        integer NOT NULL,
    retry_delay     double precision NOT NULL,
    retry_backoff   boolean NOT NULL,
    ttl_seconds     double precision,
    metadata        jsonb,
    webhook_url     text,
    created_at      timestamp with time zone NOT NULL,
    scheduled_at    timestamp with time zone,
    expires_at      timestamp with time zone,
    timeout_seconds double precision,
    request_id      text,
    rerun_of        uuid,
    profile         boolean,
    key             text,
    limits          jsonb,
    unique_key      text,
    unique_until    text,
    CONSTRAINT lapinq_tasks_pkey PRIMARY KEY (id)
) PARTITION BY RANGE (id);
CREATE INDEX lapinq_tasks_expires_at ON lapinq_tasks USING btree (expires_at) WHERE (expires_at IS NOT NULL);

CREATE TABLE lapinq_tasks_default PARTITION OF lapinq_tasks DEFAULT;

CREATE TABLE lapinq_ticks (
    schedule_id bigint NOT NULL,
    fire_at     timestamp with time zone NOT NULL,
    fired_at    timestamp with time zone NOT NULL,
    outcome     text NOT NULL,
    task_id     uuid,
    missed_from timestamp with time zone,
    fired_by    text,
    CONSTRAINT lapinq_ticks_outcome_check CHECK ((outcome = ANY (ARRAY['enqueued'::text, 'held'::text, 'skipped'::text, 'missed'::text]))),
    CONSTRAINT lapinq_ticks_pkey PRIMARY KEY (schedule_id, fire_at),
    CONSTRAINT lapinq_ticks_schedule_id_fkey FOREIGN KEY (schedule_id) REFERENCES lapinq_schedules(id) ON DELETE CASCADE
);
CREATE INDEX lapinq_ticks_fired_at ON lapinq_ticks USING btree (fired_at);
CREATE UNIQUE INDEX lapinq_ticks_held ON lapinq_ticks USING btree (schedule_id) WHERE (outcome = 'held'::text);
CREATE INDEX lapinq_ticks_task_id ON lapinq_ticks USING btree (task_id) WHERE (task_id IS NOT NULL);

CREATE UNLOGGED TABLE lapinq_transient (
    seq             bigint NOT NULL GENERATED ALWAYS AS IDENTITY (CACHE 1),
    queue_name      text NOT NULL,
    rank            bigint NOT NULL,
    task_name       text NOT NULL,
    module_path     text NOT NULL,
    args            json NOT NULL,
    kwargs          json NOT NULL,
    metadata        jsonb,
    due_at          timestamp with time zone NOT NULL,
    timeout_seconds double precision,
    request_id      text,
    CONSTRAINT lapinq_transient_pkey PRIMARY KEY (queue_name, rank, seq)
);

CREATE TABLE lapinq_unique_keys (
    queue_name text NOT NULL,
    key        text NOT NULL,
    task_id    uuid NOT NULL,
    until      text,
    expires_at timestamp with time zone,
    first_at   timestamp with time zone,
    taken_at   timestamp with time zone NOT NULL,
    CONSTRAINT lapinq_unique_keys_check CHECK (((until IS NULL) = (expires_at IS NOT NULL))),
    CONSTRAINT lapinq_unique_keys_pkey PRIMARY KEY (queue_name, key),
    CONSTRAINT lapinq_unique_keys_until_check CHECK ((until = ANY (ARRAY['started'::text, 'finished'::text])))
) WITH (autovacuum_vacuum_scale_factor=0.01, autovacuum_vacuum_threshold=1000, autovacuum_vacuum_cost_delay=0);

CREATE TABLE lapinq_users (
    id                   bigint NOT NULL GENERATED ALWAYS AS IDENTITY (CACHE 1),
    username             text NOT NULL,
    password_hash        text NOT NULL,
    role                 text NOT NULL,
    permissions          jsonb NOT NULL DEFAULT '{}'::jsonb,
    has_default_password boolean NOT NULL DEFAULT false,
    created_at           timestamp with time zone NOT NULL,
    reads                text[],
    CONSTRAINT lapinq_users_pkey PRIMARY KEY (id),
    CONSTRAINT lapinq_users_reads_check CHECK ((cardinality(reads) > 0)),
    CONSTRAINT lapinq_users_role_check CHECK ((role = ANY (ARRAY['admin'::text, 'user'::text])))
);
CREATE UNIQUE INDEX lapinq_users_username ON lapinq_users USING btree (lower(username));

CREATE TABLE lapinq_views (
    id         bigint NOT NULL GENERATED ALWAYS AS IDENTITY (CACHE 1),
    owner_id   bigint NOT NULL,
    name       text NOT NULL,
    page       text NOT NULL,
    query      text NOT NULL,
    is_shared  boolean NOT NULL DEFAULT false,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT lapinq_views_name_key UNIQUE (owner_id, page, name),
    CONSTRAINT lapinq_views_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES lapinq_users(id) ON DELETE CASCADE,
    CONSTRAINT lapinq_views_pkey PRIMARY KEY (id)
);
CREATE INDEX lapinq_views_shared ON lapinq_views USING btree (page) WHERE is_shared;

CREATE TABLE lapinq_webhooks (
    seq         bigint NOT NULL GENERATED ALWAYS AS IDENTITY (CACHE 1),
    id          uuid NOT NULL DEFAULT gen_random_uuid(),
    task_id     uuid NOT NULL,
    queue_name  text NOT NULL,
    task_name   text NOT NULL,
    url         text NOT NULL,
    host        text NOT NULL GENERATED ALWAYS AS STORED COALESCE(NULLIF(lower("left"("substring"(url, '^[^/]*//(?:[^/?#]*@)?([^/?#]*)'::text), 255)), ''::text), '?'::text),
    status      text NOT NULL,
    result      text,
    error       text,
    attempt     integer NOT NULL,
    started_at  timestamp with time zone,
    finished_at timestamp with time zone NOT NULL,
    state       text NOT NULL DEFAULT 'pending'::text,
    tries       integer NOT NULL DEFAULT 0,
    retry_since timestamp with time zone NOT NULL,
    due_at      timestamp with time zone NOT NULL,
    tried_at    timestamp with time zone,
    answer      smallint,
    failure     text,
    CONSTRAINT lapinq_webhooks_id_key UNIQUE (id),
    CONSTRAINT lapinq_webhooks_pkey PRIMARY KEY (seq),
    CONSTRAINT lapinq_webhooks_state_check CHECK ((state = ANY (ARRAY['pending'::text, 'delivered'::text, 'given_up'::text])))
);
CREATE INDEX lapinq_webhooks_due_at ON lapinq_webhooks USING btree (due_at) WHERE (state = 'pending'::text);
CREATE INDEX lapinq_webhooks_ended ON lapinq_webhooks USING btree (state, tried_at) WHERE (state <> 'pending'::text);
CREATE INDEX lapinq_webhooks_host ON lapinq_webhooks USING btree (host, due_at) WHERE (state = 'pending'::text);
CREATE INDEX lapinq_webhooks_queue ON lapinq_webhooks USING btree (queue_name, seq);
CREATE INDEX lapinq_webhooks_state ON lapinq_webhooks USING btree (state, seq);
CREATE INDEX lapinq_webhooks_task_id ON lapinq_webhooks USING btree (task_id);

CREATE TABLE lapinq_workers (
    id              uuid NOT NULL,
    name            text NOT NULL,
    hostname        text NOT NULL,
    pid             integer NOT NULL,
    version         text NOT NULL,
    queues          text[],
    pool            text NOT NULL,
    concurrency     integer NOT NULL,
    lease_seconds   double precision NOT NULL,
    started_at      timestamp with time zone NOT NULL,
    beat_at         timestamp with time zone NOT NULL,
    dead_at         timestamp with time zone,
    memory_bytes    bigint,
    running         integer,
    rate            double precision,
    is_quiet        boolean NOT NULL DEFAULT false,
    asked_to        text,
    asked_by        text,
    asked_at        timestamp with time zone,
    jumped_at       timestamp with time zone,
    jumped_seconds  double precision,
    registered      jsonb,
    release         text,
    timeout_seconds double precision,
    blocked_seconds double precision,
    CONSTRAINT lapinq_workers_asked_to_check CHECK ((asked_to = ANY (ARRAY['quiet'::text, 'stop'::text]))),
    CONSTRAINT lapinq_workers_pkey PRIMARY KEY (id)
) WITH (fillfactor=50);

CREATE TABLE lapinq_workflow_edges (
    parent_id uuid NOT NULL,
    child_id  uuid NOT NULL,
    CONSTRAINT lapinq_workflow_edges_pkey PRIMARY KEY (parent_id, child_id)
);
CREATE INDEX lapinq_workflow_edges_child ON lapinq_workflow_edges USING btree (child_id, parent_id);

CREATE TABLE lapinq_workflow_tasks (
    task_id       uuid NOT NULL,
    workflow_id   uuid NOT NULL,
    ref           text NOT NULL,
    after_failure text NOT NULL,
    waits_for     integer NOT NULL,
    outcome       text,
    cause         uuid,
    is_gone       boolean NOT NULL DEFAULT false,
    CONSTRAINT lapinq_workflow_tasks_after_failure_check CHECK ((after_failure = ANY (ARRAY['cancel'::text, 'run'::text, 'fail'::text]))),
    CONSTRAINT lapinq_workflow_tasks_pkey PRIMARY KEY (task_id),
    CONSTRAINT lapinq_workflow_tasks_ref UNIQUE (workflow_id, ref)
) WITH (autovacuum_vacuum_scale_factor=0.01, autovacuum_vacuum_threshold=1000, autovacuum_vacuum_cost_delay=0, fillfactor=50);

CREATE TABLE lapinq_workflows (
    id           uuid NOT NULL,
    name         text NOT NULL,
    metadata     jsonb,
    is_open      boolean NOT NULL,
    round        integer NOT NULL DEFAULT 1,
    status       text NOT NULL DEFAULT 'running'::text,
    created_at   timestamp with time zone NOT NULL,
    cancelled_at timestamp with time zone,
    ended_at     timestamp with time zone,
    pending      integer NOT NULL DEFAULT 0,
    completed    integer NOT NULL DEFAULT 0,
    failed       integer NOT NULL DEFAULT 0,
    cancelled    integer NOT NULL DEFAULT 0,
    expired      integer NOT NULL DEFAULT 0,
    deleted      integer NOT NULL DEFAULT 0,
    kept         integer NOT NULL DEFAULT 0,
    CONSTRAINT lapinq_workflows_pkey PRIMARY KEY (id),
    CONSTRAINT lapinq_workflows_status_check CHECK ((status = ANY (ARRAY['running'::text, 'completed'::text, 'failed'::text, 'cancelled'::text])))
) WITH (fillfactor=50, autovacuum_vacuum_scale_factor=0.01, autovacuum_vacuum_threshold=1000, autovacuum_vacuum_cost_delay=0);
CREATE INDEX lapinq_workflows_gone ON lapinq_workflows USING btree (ended_at) WHERE (kept = 0);
CREATE INDEX lapinq_workflows_name ON lapinq_workflows USING btree (name, id);
CREATE INDEX lapinq_workflows_status ON lapinq_workflows USING btree (status, id);

CREATE TRIGGER lapinq_keep_released BEFORE INSERT ON lapinq_attempts FOR EACH ROW WHEN (((new.outcome = 'released'::text) AND (((date_part('microseconds'::text, new.finished_at))::integer % 50) = 0))) EXECUTE FUNCTION lapinq_keep_released();

CREATE TRIGGER lapinq_workflow_task_ended AFTER INSERT ON lapinq_attempts FOR EACH ROW WHEN ((new.final AND lapinq_in_workflow(new.task_id))) EXECUTE FUNCTION lapinq_note_workflow_task();

CREATE TRIGGER lapinq_workflow_task_reopened AFTER UPDATE OF final ON lapinq_attempts FOR EACH ROW WHEN (((new.final <> old.final) AND lapinq_in_workflow(new.task_id))) EXECUTE FUNCTION lapinq_note_workflow_task();

CREATE CONSTRAINT TRIGGER lapinq_workflow_tell_ended AFTER INSERT ON lapinq_attempts DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN ((new.final AND lapinq_in_workflow(new.task_id))) EXECUTE FUNCTION lapinq_tell_workflows();

CREATE CONSTRAINT TRIGGER lapinq_workflow_tell_reopened AFTER UPDATE OF final ON lapinq_attempts DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (((new.final <> old.final) AND lapinq_in_workflow(new.task_id))) EXECUTE FUNCTION lapinq_tell_workflows();

CREATE TRIGGER lapinq_keep_released BEFORE INSERT ON lapinq_attempts_default FOR EACH ROW WHEN (((new.outcome = 'released'::text) AND (((date_part('microseconds'::text, new.finished_at))::integer % 50) = 0))) EXECUTE FUNCTION lapinq_keep_released();

CREATE TRIGGER lapinq_workflow_task_ended AFTER INSERT ON lapinq_attempts_default FOR EACH ROW WHEN ((new.final AND lapinq_in_workflow(new.task_id))) EXECUTE FUNCTION lapinq_note_workflow_task();

CREATE TRIGGER lapinq_workflow_task_reopened AFTER UPDATE OF final ON lapinq_attempts_default FOR EACH ROW WHEN (((new.final <> old.final) AND lapinq_in_workflow(new.task_id))) EXECUTE FUNCTION lapinq_note_workflow_task();

CREATE CONSTRAINT TRIGGER lapinq_workflow_tell_ended AFTER INSERT ON lapinq_attempts_default DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN ((new.final AND lapinq_in_workflow(new.task_id))) EXECUTE FUNCTION lapinq_tell_workflows();

CREATE CONSTRAINT TRIGGER lapinq_workflow_tell_reopened AFTER UPDATE OF final ON lapinq_attempts_default DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (((new.final <> old.final) AND lapinq_in_workflow(new.task_id))) EXECUTE FUNCTION lapinq_tell_workflows();

CREATE CONSTRAINT TRIGGER lapinq_suspended AFTER INSERT ON lapinq_delayed DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (((new.due_at >= lapinq_until_woken()) AND (new.due_at < lapinq_never()))) EXECUTE FUNCTION lapinq_tell_suspended();

CREATE TRIGGER lapinq_governed BEFORE INSERT OR UPDATE OF is_laned, max_running, max_running_per_key, rate, rate_per_key, start_order, has_breaker, is_governed ON lapinq_queues FOR EACH ROW EXECUTE FUNCTION lapinq_note_governed();
ALTER TABLE lapinq_queues ENABLE ALWAYS TRIGGER lapinq_governed;

CREATE CONSTRAINT TRIGGER lapinq_own_step AFTER INSERT ON lapinq_steps DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN ((new.token IS NOT NULL)) EXECUTE FUNCTION lapinq_check_step();

CREATE CONSTRAINT TRIGGER lapinq_signal_sent AFTER INSERT ON lapinq_steps DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN ((new.kind = 'sent'::text)) EXECUTE FUNCTION lapinq_tell_signalled();

CREATE TRIGGER lapinq_workflow_task_deleted AFTER DELETE ON lapinq_tasks FOR EACH ROW WHEN (lapinq_in_workflow(old.id)) EXECUTE FUNCTION lapinq_note_workflow_task();

CREATE CONSTRAINT TRIGGER lapinq_workflow_tell_deleted AFTER DELETE ON lapinq_tasks DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (lapinq_in_workflow(old.id)) EXECUTE FUNCTION lapinq_tell_workflows();

CREATE TRIGGER lapinq_workflow_task_deleted AFTER DELETE ON lapinq_tasks_default FOR EACH ROW WHEN (lapinq_in_workflow(old.id)) EXECUTE FUNCTION lapinq_note_workflow_task();

CREATE CONSTRAINT TRIGGER lapinq_workflow_tell_deleted AFTER DELETE ON lapinq_tasks_default DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (lapinq_in_workflow(old.id)) EXECUTE FUNCTION lapinq_tell_workflows();

CREATE VIEW lapinq_breaker_counts AS
 SELECT queue_name,
    slice,
    failures,
    attempts
   FROM lapinq_circuit_breaker_counts
  WHERE (queue_name IS NOT NULL);

CREATE VIEW lapinq_breaker_starts AS
 SELECT name AS queue_name,
    seq,
    task_id,
    claimed_at,
    kind,
    ctid
   FROM lapinq_circuit_breaker_starts
  WHERE (kind = 'queue'::text);

CREATE VIEW lapinq_breakers AS
 SELECT queue_name,
    failures_in_row,
    failure_share,
    window_seconds,
    least_attempts,
    retry_after_seconds,
    state,
    since,
    since_seq,
    in_row,
    failures,
    attempts,
    failed_task_id,
    opened_at,
    pause_seconds,
    tries_at,
    probe_id,
    probe_seq,
    judged_at,
    told_state,
    first_seq
   FROM lapinq_circuit_breakers
  WHERE (queue_name IS NOT NULL);

CREATE VIEW lapinq_task_breaker_counts AS
 SELECT task_name,
    slice,
    failures,
    attempts
   FROM lapinq_circuit_breaker_counts
  WHERE (task_name IS NOT NULL);

CREATE VIEW lapinq_task_breaker_starts AS
 SELECT name AS task_name,
    seq,
    task_id,
    claimed_at,
    kind,
    ctid
   FROM lapinq_circuit_breaker_starts
  WHERE (kind = 'task'::text);

CREATE VIEW lapinq_task_breakers AS
 SELECT task_name,
    failures_in_row,
    failure_share,
    window_seconds,
    least_attempts,
    retry_after_seconds,
    state,
    since,
    since_seq,
    in_row,
    failures,
    attempts,
    failed_task_id,
    opened_at,
    pause_seconds,
    tries_at,
    probe_id,
    probe_seq,
    judged_at,
    told_state,
    let_go,
    let_go_at,
    first_seq,
    source
   FROM lapinq_circuit_breakers
  WHERE (task_name IS NOT NULL);

CREATE VIEW lapinq_task_details AS
 SELECT t.id,
    t.task_name,
    t.queue_name,
    t.module_path,
    t.args,
    t.kwargs,
        CASE
            WHEN (f.outcome IS NOT NULL) THEN f.outcome
            WHEN (r.id IS NOT NULL) THEN 'running'::text
            ELSE 'pending'::text
        END AS status,
    f.result,
    f.error,
    COALESCE(f.attempt, r.attempt, w.starts, d.starts, 0) AS attempts,
    t.max_retries,
    t.priority,
    t.metadata,
    COALESCE(f.progress, r.progress) AS progress,
    COALESCE(f.progress_message, r.progress_message) AS progress_message,
    t.retry_delay,
    t.retry_backoff,
    t.webhook_url,
    t.ttl_seconds,
    t.expires_at,
    COALESCE(f.worker_id, r.worker_id) AS worker_id,
    t.created_at,
        CASE
            WHEN ((f.outcome IS NULL) AND (r.id IS NULL) AND (d.parked_for IS NULL) AND (d.due_at < lapinq_never())) THEN d.due_at
            ELSE t.scheduled_at
        END AS scheduled_at,
    COALESCE(f.claimed_at, r.claimed_at) AS started_at,
    f.finished_at AS completed_at,
    t.timeout_seconds,
    r.cancel_requested_at,
    r.seq AS claim_seq,
    t.request_id,
    t.key,
    t.limits
   FROM ((((lapinq_tasks t
     LEFT JOIN lapinq_attempts f ON (((f.task_id = t.id) AND f.final)))
     LEFT JOIN lapinq_running r ON ((r.id = t.id)))
     LEFT JOIN lapinq_ready w ON ((w.id = t.id)))
     LEFT JOIN lapinq_delayed d ON ((d.id = t.id)));
