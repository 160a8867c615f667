-- Brings workflows up to what has become of some of their tasks: ended, open again, or deleted. It reads that in the tables
-- of tasks, so it may be told of a task more than once.
-- A parent that completed, or whose child runs anyhow, counts the child down; at zero it enters its queue. Any other parent
-- cancels the child or fails it, and all that this reaches, however long the chain. `added` are new blocked tasks, whose parents may have ended.
-- Locks the workflows, in order of id; under the lock nobody else changes their graphs. Then the rows of blocked tasks, for
-- which it may wait: for one who cancels, deletes or expires one just now. Relies on the primary keys,
-- lapinq_workflow_edges_child and lapinq_attempts_final.
CREATE OR REPLACE FUNCTION lapinq_advance_workflows_1(changed uuid[], added uuid[] DEFAULT '{}') RETURNS void
LANGUAGE plpgsql
SET jit TO off SET enable_seqscan TO off SET enable_hashjoin TO off SET enable_mergejoin TO off
SET plan_cache_mode TO force_generic_plan
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
