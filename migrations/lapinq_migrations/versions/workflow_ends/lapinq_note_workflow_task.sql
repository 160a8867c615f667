-- Notes the task of a workflow that has ended, is open again or was deleted, for lapinq_tell_workflows at the commit.
-- It runs for each row: an assignment is an expression, which costs a fraction of what PERFORM does.
CREATE OR REPLACE FUNCTION lapinq_note_workflow_task() RETURNS trigger
LANGUAGE plpgsql AS $function$
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
