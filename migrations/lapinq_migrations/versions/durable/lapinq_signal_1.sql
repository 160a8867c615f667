-- Sends a signal, `value` as JSON text. Returns `sent`, or why not: `unknown`, `ended`, or `full`.
-- Notes the task for the end of the transaction, which wakes all of them in order. Locks the task against deletion; and at the commit what lapinq_wake_1 says. Relies on the primary keys and lapinq_attempts_final.
CREATE FUNCTION lapinq_signal_1(task uuid, signal_name text, value text) RETURNS text
LANGUAGE plpgsql AS $function$
BEGIN
    -- So that the task is not deleted before the signal is there, which would outlive it.
    PERFORM FROM lapinq_tasks t WHERE t.id = task FOR KEY SHARE;
    IF NOT FOUND THEN
        RETURN 'unknown';
    END IF;
    IF EXISTS (SELECT FROM lapinq_attempts a WHERE a.task_id = task AND a.final) THEN
        RETURN 'ended';
    END IF;
    IF EXISTS (SELECT FROM lapinq_steps s WHERE s.task_id = task AND s.ended_at IS NULL AND s.kind = 'sent' OFFSET 9999 LIMIT 1) THEN
        RETURN 'full';
    END IF;
    INSERT INTO lapinq_steps (task_id, name, occurrence, kind, result, started_at, attempt)
    VALUES (task, signal_name, nextval('lapinq_signal_seq'), 'sent', value, lapinq_now(), 0);
    PERFORM set_config('lapinq.signalled_tasks',
                       concat_ws(',', nullif(current_setting('lapinq.signalled_tasks', true), ''), task), true);
    RETURN 'sent';
END
$function$;
