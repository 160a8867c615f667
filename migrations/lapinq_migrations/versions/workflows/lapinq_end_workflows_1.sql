-- Ends workflows of which no task is left, or opens them again. The caller has locked them.
-- One failed if a task in it failed or expired without a task after it that runs in spite of that.
-- Relies on lapinq_workflow_tasks_ref and the primary keys.
CREATE FUNCTION lapinq_end_workflows_1(ids uuid[]) RETURNS void
LANGUAGE sql SET enable_seqscan TO off SET enable_hashjoin TO off SET enable_mergejoin TO off AS $function$
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
