-- The first call in a commit tells workflows of all tasks that were noted in the transaction.
CREATE OR REPLACE FUNCTION lapinq_tell_workflows() RETURNS trigger
LANGUAGE plpgsql AS $function$
DECLARE
    noted CONSTANT text := current_setting('lapinq.workflow_tasks', true);
BEGIN
    IF noted NOT IN ('', '-') THEN
        PERFORM set_config('lapinq.workflow_tasks', '', true);
        PERFORM lapinq_advance_workflows_1(string_to_array(noted, ',')::uuid[]);
    END IF;
    RETURN NULL;
END
$function$;
