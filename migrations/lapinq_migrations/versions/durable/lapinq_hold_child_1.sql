-- Keeps a task that has not ended from ending before this transaction does; false if it can't at once, or if its end might not be
-- told: that is told only of tasks with an id as in a workflow, and not of those that a workflow itself ends.
-- Locks its row in ready, delayed or running, unless somebody else has.
CREATE FUNCTION lapinq_hold_child_1(child uuid) RETURNS boolean
LANGUAGE plpgsql AS $function$
BEGIN
    IF NOT lapinq_in_workflow(child) OR EXISTS (SELECT FROM lapinq_workflow_tasks m WHERE m.task_id = child) THEN
        RETURN false;
    END IF;
    PERFORM FROM lapinq_running WHERE id = child FOR KEY SHARE SKIP LOCKED;
    IF FOUND THEN
        RETURN true;
    END IF;
    PERFORM FROM lapinq_ready WHERE id = child FOR KEY SHARE SKIP LOCKED;
    IF FOUND THEN
        RETURN true;
    END IF;
    PERFORM FROM lapinq_delayed WHERE id = child FOR KEY SHARE SKIP LOCKED;
    RETURN FOUND;
END
$function$;
