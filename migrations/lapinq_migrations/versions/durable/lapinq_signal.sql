-- Sends a signal to a task, in the caller's transaction; `value` is any JSON. It is kept until the task takes it.
-- Raises an exception if the task is unknown (P0002) or has ended (55000), or if it has 10,000 signals that it has not taken (54000).
CREATE FUNCTION lapinq_signal(task_id uuid, name text, value jsonb DEFAULT 'null') RETURNS void
LANGUAGE plpgsql AS $function$
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
