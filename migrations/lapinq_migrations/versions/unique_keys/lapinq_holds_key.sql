-- Whether a task with this `until` and id holds its unique key, by its place alone. Locks nothing.
-- Volatile, so that it sees what has been committed before it is called, not before the statement that calls it.
CREATE FUNCTION lapinq_holds_key(task_id uuid, until text, expires_at timestamptz) RETURNS boolean
    LANGUAGE plpgsql
AS $function$
BEGIN
    IF until IS NULL THEN
        RETURN lapinq_holds_key.expires_at > lapinq_now();
    END IF;
    -- One statement, because between two of them a task may move from one place to another.
    RETURN EXISTS (SELECT FROM lapinq_ready w WHERE w.id = task_id AND (until = 'finished' OR w.starts = 0))
        OR EXISTS (SELECT FROM lapinq_delayed d WHERE d.id = task_id AND (until = 'finished' OR d.starts = 0))
        OR until = 'finished' AND EXISTS (SELECT FROM lapinq_running r WHERE r.id = task_id);
END
$function$;
