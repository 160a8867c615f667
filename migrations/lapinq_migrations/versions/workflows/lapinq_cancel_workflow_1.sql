-- Cancels up to `most` pending tasks of a workflow that has not ended, and closes it. Returns how many it cancelled; NULL if the
-- workflow is unknown. Running ones are not touched: who waits here for a row that is being settled would wait for one that
-- waits for the workflow.
-- Locks the workflow, then the rows in ready and delayed, skipping locked ones: the caller calls again.
-- Relies on lapinq_workflow_tasks_ref and the primary keys.
CREATE FUNCTION lapinq_cancel_workflow_1(workflow uuid, most integer) RETURNS integer
LANGUAGE plpgsql
SET jit TO off SET enable_seqscan TO off SET enable_hashjoin TO off SET enable_mergejoin TO off
SET plan_cache_mode TO force_generic_plan
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
