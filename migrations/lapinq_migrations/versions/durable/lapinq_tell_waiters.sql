-- At the commit of signals: the first call wakes all their tasks, so that two commits lock these in the same order.
CREATE FUNCTION lapinq_tell_signalled() RETURNS trigger
LANGUAGE plpgsql AS $function$
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

-- At the commit of a suspension.
CREATE FUNCTION lapinq_tell_suspended() RETURNS trigger
LANGUAGE plpgsql AS $function$
BEGIN
    PERFORM lapinq_suspend_1(NEW.id);
    RETURN NULL;
END
$function$;

-- The first call in a commit tells workflows of all tasks that were noted in the transaction, and wakes who waits for one.
CREATE OR REPLACE FUNCTION lapinq_tell_workflows() RETURNS trigger
LANGUAGE plpgsql AS $function$
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

-- At the commit of a step that is stored in a transaction of its task's own writes: fails that if the claim is lost. The claim may
-- have completed the task in the same transaction. Locks the row of the running attempt against its end. Relies on
-- lapinq_running_pkey and lapinq_attempts_final.
CREATE FUNCTION lapinq_check_step() RETURNS trigger
LANGUAGE plpgsql AS $function$
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

CREATE CONSTRAINT TRIGGER lapinq_signal_sent AFTER INSERT ON lapinq_steps DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.kind = 'sent') EXECUTE FUNCTION lapinq_tell_signalled();
CREATE CONSTRAINT TRIGGER lapinq_suspended AFTER INSERT ON lapinq_delayed DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.due_at >= lapinq_until_woken() AND NEW.due_at < lapinq_never()) EXECUTE FUNCTION lapinq_tell_suspended();
CREATE CONSTRAINT TRIGGER lapinq_own_step AFTER INSERT ON lapinq_steps DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.token IS NOT NULL) EXECUTE FUNCTION lapinq_check_step();
