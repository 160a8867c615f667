-- Opens a new round of a workflow that the caller has locked and that was not cancelled: makes pending again what failed or
-- expired, what was ended because of it, and each task after one of these that runs in spite of failures and has ended. What
-- completed in an earlier round loses its steps, signals and decisions, so that it runs from its beginning.
-- Returns their number (0: there is nothing to retry) and the queues in which some are ready. Nothing may be committed if
-- it returns a task whose unique key another task holds (`refused`), or one that runs although it has to come after these
-- (`busy`).
-- Locks final attempts and the rows that it deletes. Relies on lapinq_workflow_tasks_ref, lapinq_attempts_final,
-- lapinq_decisions_place and the primary keys.
CREATE FUNCTION lapinq_retry_workflow_1(workflow uuid, by text, OUT tasks integer, OUT queues text[], OUT refused uuid, OUT busy uuid)
LANGUAGE plpgsql
SET jit TO off SET enable_seqscan TO off SET enable_hashjoin TO off SET enable_mergejoin TO off
SET plan_cache_mode TO force_generic_plan
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
