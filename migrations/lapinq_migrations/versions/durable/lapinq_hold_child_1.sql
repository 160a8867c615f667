-- Keeps a task that has not ended from ending before this transaction does; false if it can't at once, or if its end might not be
-- told: that is told only of tasks with an id as in a workflow, and not of those that a workflow itself ends.
-- Locks its row in ready, delayed or running, unless somebody else has, and writes it where a transaction of a user may end the
-- task: under REPEATABLE READ, with a snapshot from before this commit, that would not see who waits, and now it fails instead.
-- Besides completing what runs, such a transaction expires what is past its time to live (lapinq_expire_late).
CREATE FUNCTION lapinq_hold_child_1(child uuid) RETURNS boolean
LANGUAGE plpgsql AS $function$
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
